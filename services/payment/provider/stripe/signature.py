"""Who sent a webhook, as Stripe signs it: its SDK judges the raw body before any of it is read."""

import time
from collections.abc import Sequence
from typing import Final

import stripe
import structlog

from services.payment import metrics
from services.payment.webhook.problems import NOT_SIGNED, SIGNATURE_DOES_NOT_HOLD

log = structlog.get_logger()
HEADER: Final = "Stripe-Signature"
TOLERANCE_S: Final = 300
"""How old a webhook may be: Stripe's own limit."""


class StripeSignatures:
    """Judges webhooks by the secrets of the endpoint: several while one is rolled."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets

    def verify(self, header: str | None, body: bytes) -> None:
        """Problem 401 where no secret lets the webhook in."""
        if not header:
            raise NOT_SIGNED.problem(field=HEADER)
        if self._hold(header, body, tolerance_s=TOLERANCE_S):
            return
        if self._hold(header, body, tolerance_s=None):
            metrics.alarm("untimely")
            log.error("a rightly signed webhook was refused for its time", at=time.time())
        raise SIGNATURE_DOES_NOT_HOLD.problem(field=HEADER)

    def _hold(self, header: str, body: bytes, *, tolerance_s: int | None) -> bool:
        if not header.isascii():
            return False
        for secret in self._secrets:
            try:
                stripe.WebhookSignature.verify_header(body, header, secret, tolerance_s)
            except (stripe.SignatureVerificationError, UnicodeDecodeError):
                continue
            return True
        return False
