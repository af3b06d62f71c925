"""Who sent a webhook: only what the provider signed (Standard Webhooks), and lately, is let in.

One that is rightly signed and refused for its time alone says that a clock is wrong, ours or the
provider's, or that somebody sends an old one again. That is alarmed; the charge itself is in the
provider's list, and comes in by reconciliation.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from standardwebhooks import Webhook, WebhookVerificationError

from services.payment import metrics
from services.payment.webhook.problems import NOT_SIGNED, SIGNATURE_DOES_NOT_HOLD

log = structlog.get_logger()
HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
TOLERANCE: Final = timedelta(minutes=5)
"""How far a webhook's time may be from our clock's, either way: Standard Webhooks' own limit."""


class Signatures:
    """Judges webhooks by the secrets shared with the provider: several while one is replaced."""

    def __init__(self, webhooks: Sequence[Webhook]) -> None:
        self._webhooks = webhooks

    def hold(self, given: Mapping[str, str], body: bytes) -> bool:
        """Whether `verify` will let the webhook in."""
        return self._refusal({name: given.get(name, "") for name in HEADERS}, body) is None

    def verify(self, given: Mapping[str, str], body: bytes) -> None:
        """Problem 401 names the header for which a webhook is refused."""
        headers = {name: given.get(name, "") for name in HEADERS}
        for name, value in headers.items():
            if not value:
                raise NOT_SIGNED.problem(field=name)
        if (error := self._refusal(headers, body)) is not None:
            at = _time(headers["webhook-timestamp"])
            off = at - datetime.now(UTC) if at else timedelta()
            is_untimely = abs(off) > TOLERANCE
            if at and is_untimely and self._is_signed(headers, at, body):
                _alarm(headers["webhook-id"], off)
            raise SIGNATURE_DOES_NOT_HOLD.problem(
                field="webhook-timestamp" if is_untimely else "webhook-signature",
                detail=str(error) or None,
            ) from error

    def _refusal(self, headers: Mapping[str, str], body: bytes) -> Exception | None:
        """Why no secret lets the webhook in; None where one does."""
        refusal: Exception | None = None
        for webhook in self._webhooks:
            try:
                webhook.verify(body, dict(headers), json_parse=False)
            except (WebhookVerificationError, ValueError) as error:
                refusal = error
            else:
                return None
        return refusal

    def _is_signed(self, headers: Mapping[str, str], at: datetime, body: bytes) -> bool:
        """Whether the signature is right, whatever the time: anybody can send a wrong time."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return False
        expected = [one.sign(headers["webhook-id"], at, text).encode() for one in self._webhooks]
        given = [one.encode() for one in headers["webhook-signature"].split(" ")]
        return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given)


def _alarm(message_id: str, off: timedelta) -> None:
    metrics.alarm("untimely")
    log.error(
        "a rightly signed webhook was refused for its time",
        webhook_id=message_id,
        ahead_s=round(off.total_seconds()),
    )


def _time(timestamp: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(timestamp), UTC)
    except (ValueError, OverflowError, OSError):
        return None
