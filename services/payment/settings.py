"""The payment service's configuration."""

import binascii
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from standardwebhooks import Webhook

from postbox.service import Port, ServiceSettings
from services.payment.provider.settings import ProviderSettings, Several


def _usable(secret: SecretStr) -> SecretStr:
    try:
        webhooks_by(secret)
    except (ValueError, RuntimeError, binascii.Error) as error:
        raise ValueError("expected whsec_ and base64, as Standard Webhooks has it") from error
    return secret


def webhooks_by(*secrets: SecretStr | None) -> list[Webhook]:
    """What verifies by each of these, of which one may be several with commas between them."""
    texts = [secret.get_secret_value() for secret in secrets if secret is not None]
    given = [one.strip() for text in texts for one in text.split(",")]
    if not all(given):
        raise ValueError("a secret is empty")
    return [Webhook(one) for one in dict.fromkeys(given)]


Secret = Annotated[SecretStr, AfterValidator(_usable)]


class PaymentSettings(ProviderSettings, ServiceSettings):
    """Keeps payments and refunds, and talks to the payment provider."""

    payment_port: Port = 3002
    """The port to serve HTTP on."""
    webhook_secret: Secret | None = None
    """The simulator signs its webhooks with it (Standard Webhooks)."""
    webhook_secrets: Secret | None = Field(default=None, validate_default=True)
    """Several, with commas between them, while one replaces another. The simulator needs one."""
    stripe_webhook_secrets: Several | None = Field(default=None, validate_default=True)
    """The secrets of Stripe's webhook endpoint, with commas between them. Required for Stripe."""
    reconcile_interval_s: PositiveFloat = 60
    """Seconds between two readings of the provider's list for charges that no webhook reported."""
    payment_timeout_s: PositiveFloat = 900
    """As the booking service has it."""
    intent_timeout_s: PositiveFloat = 900
    """As the booking service has it; a payment not judged after both limits raises an alarm."""

    @field_validator("webhook_secrets")
    @classmethod
    def _one_at_least(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        is_needed = info.data.get("payment_provider") == "simulator"
        if is_needed and value is None and info.data.get("webhook_secret", "not valid") is None:
            raise ValueError("neither it nor WEBHOOK_SECRET is set")
        return value

    @field_validator("stripe_webhook_secrets")
    @classmethod
    def _of_stripe(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("payment_provider") == "stripe":
            raise ValueError("not set, and PAYMENT_PROVIDER is stripe")
        return value

    @property
    def webhooks(self) -> list[Webhook]:
        """What verifies by each of the secrets."""
        return webhooks_by(self.webhook_secrets, self.webhook_secret)

    @property
    def stripe_secrets(self) -> list[str]:
        """What verifies Stripe's webhooks."""
        given = self.stripe_webhook_secrets
        return [] if given is None else [one.strip() for one in given.get_secret_value().split(",")]
