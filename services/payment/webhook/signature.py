"""Who sent a webhook: only what the provider signed (Standard Webhooks), and lately, is let in.

One that is rightly signed and refused for its time alone says that a clock is wrong, ours or the
provider's, or that somebody sends an old one again. That is alarmed; the charge itself is in the
provider's list, and comes in by reconciliation.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from standardwebhooks import Webhook, WebhookVerificationError

from postbox.service import Problem
from services.payment import metrics

log = structlog.get_logger()
HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
TOLERANCE: Final = timedelta(minutes=5)
"""How far a webhook's time may be from our clock's, either way: Standard Webhooks' own limit."""


class Signatures:
    """Judges webhooks by the secret that the provider and we share."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def verify(self, given: Mapping[str, str], body: bytes) -> None:
        """Problem 401 names the header for which a webhook is refused."""
        headers = {name: given.get(name, "") for name in HEADERS}
        for name, value in headers.items():
            if not value:
                raise Problem(401, "The webhook is not signed", field=name)
        try:
            self._webhook.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            at = _time(headers["webhook-timestamp"])
            off = at - datetime.now(UTC) if at else timedelta()
            is_untimely = abs(off) > TOLERANCE
            if at and is_untimely and self._is_signed(headers, at, body):
                _alarm(headers["webhook-id"], off)
            raise Problem(
                401,
                "The webhook's signature does not hold",
                field="webhook-timestamp" if is_untimely else "webhook-signature",
                detail=str(error) or None,
            ) from error

    def _is_signed(self, headers: Mapping[str, str], at: datetime, body: bytes) -> bool:
        """Whether the signature is right, whatever the time: anybody can send a wrong time."""
        try:
            expected = self._webhook.sign(headers["webhook-id"], at, body.decode()).encode()
        except UnicodeDecodeError:
            return False
        signatures = headers["webhook-signature"].split(" ")
        return any(hmac.compare_digest(expected, one.encode()) for one in signatures)


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
