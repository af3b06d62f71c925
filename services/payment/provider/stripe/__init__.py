"""Stripe as the payment provider, by its own SDK.

A payment is a PaymentIntent, whose metadata says for which booking it is (`intent_id`, `user_id`,
`capture_id`, `traceparent`). Imports the provider's port and the intake of webhooks.
"""

from postbox.extras import requires

with requires("stripe"):
    from services.payment.provider.stripe.adapter import StripeProvider
    from services.payment.provider.stripe.signature import StripeSignatures
    from services.payment.provider.stripe.webhook import StripeApi

__all__ = ["StripeApi", "StripeProvider", "StripeSignatures"]
