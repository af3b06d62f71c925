"""Stripe's events: kept for its list, and sent as webhooks signed in its way."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from stack.provider.identity import new_id
from stack.provider.ledger import Charge, Dispute, Ledger, Refund
from stack.provider.orders import WebhookOrder
from stack.provider.stripe import objects
from stack.provider.stripe.rows import ATTEMPTS, DISPUTES, REFUNDS, Row, Rows, Table
from stack.provider.webhooks import PendingWebhooks

_REFUND_MOVED: Final = {
    "pending": "refund.updated",
    "succeeded": "refund.updated",
    "failed": "refund.failed",
}


class StripeAnnouncements:
    """One event or two for everything that moves; one whose webhook is lost is listed all the same.

    `key` is the idempotency key of the request that moved it.
    """

    def __init__(self, ledger: Ledger, rows: Rows, pending: PendingWebhooks) -> None:
        self._ledger = ledger
        self._rows = rows
        self._pending = pending

    def charged(self, charge: Charge, webhook: WebhookOrder, key: str | None = None) -> None:
        row = self._row(ATTEMPTS, charge.payment_id)
        self._tell("payment_intent.succeeded", objects.payment_intent(row), webhook, key)
        self._tell("charge.succeeded", objects.charge(row), webhook, key)

    def declined(self, payment_id: str, webhook: WebhookOrder, key: str) -> None:
        row = self._row(ATTEMPTS, payment_id)
        self._tell("payment_intent.payment_failed", objects.payment_intent(row), webhook, key)
        self._tell("charge.failed", objects.charge(row), webhook, key)

    def refund_moved(
        self, refund: Refund, webhook: WebhookOrder, *, is_new: bool, key: str | None = None
    ) -> None:
        kind = "refund.created" if is_new else _REFUND_MOVED[refund.status]
        made = objects.refund(self._row(REFUNDS, refund.refund_id))
        self._tell(kind, made, webhook, key)
        if refund.status == "succeeded":
            charge = objects.charge(self._row(ATTEMPTS, refund.payment_id))
            self._tell("charge.refunded", charge, webhook, key)

    def dispute_moved(self, dispute: Dispute, webhook: WebhookOrder) -> None:
        kind = "created" if dispute.status == "open" else "closed"
        row = self._row(DISPUTES, dispute.dispute_id)
        self._tell(f"charge.dispute.{kind}", objects.dispute(row), webhook, None)

    def _tell(
        self, type_: str, about: dict[str, Any], webhook: WebhookOrder, key: str | None
    ) -> None:
        seq, id_ = self._ledger.next_seq(), new_id("evt")
        body = orjson.dumps(objects.event(seq, id_, type_, about, key)).decode()
        self._rows.add_event(seq, id_, type_, body)
        self._pending.add(message_id=id_, body=body, order=webhook)

    def _row(self, table: Table, id_: str) -> Row:
        row = self._rows.one(table, id_)
        assert row is not None, f"{id_} was written before it is told of"
        return row


class StripeSigner:
    """`Stripe-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body", in hex>`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def headers(self, message_id: str, at: datetime, body: str) -> Mapping[str, str]:
        seconds = int(at.timestamp())
        signature = hmac.new(self._secret, f"{seconds}.{body}".encode(), sha256).hexdigest()
        return {"stripe-signature": f"t={seconds},v1={signature}"}
