"""What the provider tells of itself: in its own words, signed as Standard Webhooks has it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import orjson
from standardwebhooks import Webhook as StandardWebhook

from stack.provider.identity import new_id
from stack.provider.ledger import Charge, Dispute, Ledger, Refund
from stack.provider.orders import WebhookOrder
from stack.provider.webhooks.pending import PendingWebhooks


class Announcements(Protocol):
    """Makes the webhooks of what happened; runs inside the transaction in which it happens."""

    def charged(self, charge: Charge, webhook: WebhookOrder) -> None: ...

    def refund_moved(self, refund: Refund, webhook: WebhookOrder, *, is_new: bool) -> None: ...

    def dispute_moved(self, dispute: Dispute, webhook: WebhookOrder) -> None: ...


class StandardAnnouncements:
    """A charge as the body, or {type, ...} with the refund or dispute and its `charge`."""

    def __init__(self, ledger: Ledger, pending: PendingWebhooks) -> None:
        self._ledger = ledger
        self._pending = pending

    def charged(self, charge: Charge, webhook: WebhookOrder) -> None:
        self._send(charge.entry(), webhook)

    def refund_moved(self, refund: Refund, webhook: WebhookOrder, *, is_new: bool) -> None:
        self._tell(f"refund.{refund.status}", refund, webhook)

    def dispute_moved(self, dispute: Dispute, webhook: WebhookOrder) -> None:
        outcome = "opened" if dispute.status == "open" else dispute.status
        self._tell(f"dispute.{outcome}", dispute, webhook)

    def _tell(self, kind: str, what: Refund | Dispute, webhook: WebhookOrder) -> None:
        """With the charge that it is of, for its own webhook may be lost, or still to come."""
        self._send({"type": kind, **what.entry(), **self._ledger.of(what.payment_id)}, webhook)

    def _send(self, body: dict[str, Any], webhook: WebhookOrder) -> None:
        self._pending.add(message_id=new_id("msg"), body=orjson.dumps(body).decode(), order=webhook)


class StandardSigner:
    """Signs as Standard Webhooks has it."""

    def __init__(self, secret: StandardWebhook) -> None:
        self._secret = secret

    def headers(self, message_id: str, at: datetime, body: str) -> Mapping[str, str]:
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._secret.sign(message_id, at, body),
        }
