"""What the provider does: charge, capture, refund, dispute. Each is one transaction, once.

Nothing here waits, so no two operations ever interleave.
"""

import hashlib
import sqlite3
from collections.abc import Callable
from typing import Any

import orjson
from uuid_utils import uuid7

from stack.provider.database import transaction
from stack.provider.faults import Slow
from stack.provider.ledger import (
    Answer,
    Charge,
    Dispute,
    Ledger,
    Operation,
    Refund,
    RefundStatus,
)
from stack.provider.orders import (
    CaptureOrder,
    ChargeOrder,
    DisputeOrder,
    OutcomeOrder,
    RefundOrder,
    SettleOrder,
    WebhookOrder,
)
from stack.provider.problems import Problem
from stack.provider.webhooks import PendingWebhooks, now_ms

Reply = tuple[int, bytes]
"""Status and JSON body."""


class Operations:
    def __init__(
        self, connection: sqlite3.Connection, ledger: Ledger, webhooks: PendingWebhooks
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._webhooks = webhooks

    def charge(self, order: ChargeOrder) -> Reply:
        """201 for a new charge, 200 for a known one with equal data; else a Problem of 409."""
        charge = Charge(
            payment_id=order.payment_id or _new_id("pay"),
            intent_id=order.intent_id,
            user_id=order.user_id,
            amount=order.amount,
            currency=order.currency,
            metadata=order.metadata,
        )
        known = self._ledger.charge(charge.payment_id)
        body = orjson.dumps({"paymentId": charge.payment_id})
        if known is None:
            with transaction(self._connection):
                self._add(charge, order.webhook)
            return 201, body
        if not known.same_charge(charge):
            raise Problem(409, "payment-id-reused", f"{charge.payment_id} is another charge")
        return 200, body

    def capture(
        self, order: CaptureOrder, key: str, declined: Callable[[], bool]
    ) -> tuple[Answer, bool]:
        """Shape of `once`; `declined` is asked only where the answer is not known yet."""

        def perform() -> Reply:
            if order.payment_method.startswith("decline") or declined():
                problem = Problem(402, "declined", "the card was declined", reason="declined")
                return problem.status, problem.body()
            charge = Charge(
                payment_id=_new_id("pay"),
                intent_id=order.intent_id,
                user_id=order.user_id,
                amount=order.amount,
                currency=order.currency,
                metadata=order.metadata,
            )
            self._add(charge, WebhookOrder())
            return 201, orjson.dumps({"paymentId": charge.payment_id})

        return self._once("captures", key, order, perform)

    def refund(
        self, order: RefundOrder, key: str, slowness: Callable[[], Slow | None]
    ) -> tuple[Answer, bool]:
        """Shape of `once`; `slowness` is asked only where the answer is not known yet."""

        def perform() -> Reply:
            slow = slowness()
            refund = Refund(
                refund_id=_new_id("ref"),
                payment_id=order.payment_id,
                amount=order.amount,
                currency=order.currency,
                idempotency_key=key,
                status="pending" if slow else "succeeded",
            )
            after_ms, ends_as = slow or Slow(None, None)
            settles = None if after_ms is None else now_ms() + after_ms
            self._ledger.add_refund(refund, settles, ends_as)
            self._tell_refund(refund, order.webhook)
            body = refund.entry()
            del body["idempotencyKey"]
            return 201, orjson.dumps(body)

        return self._once("refunds", key, order, perform)

    def settle(self, refund_id: str, order: SettleOrder) -> Reply:
        """End a refund that was accepted, or let one fail that seemed to have succeeded."""
        with transaction(self._connection):
            self._settle(refund_id, order.status, order.webhook)
        return 200, orjson.dumps({"refundId": refund_id, "status": order.status})

    def settle_due(self) -> None:
        """End the pending refunds whose time has come."""
        for refund_id, status in self._ledger.refunds_to_settle(now_ms()):
            with transaction(self._connection):
                self._settle(refund_id, status, WebhookOrder())

    def _settle(self, refund_id: str, status: RefundStatus, webhook: WebhookOrder) -> None:
        refund = self._ledger.settle_refund(refund_id, status)
        if refund is not None:
            self._tell_refund(refund, webhook)

    def dispute(self, order: DisputeOrder) -> Reply:
        """The customer's bank asks for money back."""
        dispute = Dispute(
            dispute_id=_new_id("dis"),
            payment_id=order.payment_id,
            amount=order.amount,
            status="open",
        )
        with transaction(self._connection):
            self._ledger.add_dispute(dispute)
            self._tell("dispute.opened", dispute, order.webhook)
        return 201, orjson.dumps(dispute.entry())

    def close_dispute(self, dispute_id: str, order: OutcomeOrder) -> Reply:
        """The bank's verdict: a lost dispute takes the money."""
        with transaction(self._connection):
            dispute = self._ledger.close_dispute(dispute_id, order.outcome)
            if dispute is not None:
                self._tell(f"dispute.{order.outcome}", dispute, order.webhook)
        return 200, orjson.dumps({"disputeId": dispute_id, "status": order.outcome})

    def _once(
        self,
        operation: Operation,
        key: str,
        order: CaptureOrder | RefundOrder,
        perform: Callable[[], Reply],
    ) -> tuple[Answer, bool]:
        """The answer to this key, and whether it had been given before.

        A Problem is not an answer: it is not kept, and the key stays free.
        """
        fingerprint = _fingerprint(order)
        saved = self._ledger.answer(operation, key)
        if saved is not None:
            if saved.fingerprint != fingerprint:
                raise Problem(409, "idempotency-key-reused", "the key had another body before")
            return saved, True
        with transaction(self._connection):
            status, body = perform()
            answer = Answer(status=status, body=body, fingerprint=fingerprint)
            self._ledger.add_answer(operation, key, answer)
        return answer, False

    def _add(self, charge: Charge, webhook: WebhookOrder) -> None:
        self._ledger.add_charge(charge)
        self._send(charge.entry(), webhook)

    def _tell_refund(self, refund: Refund, webhook: WebhookOrder) -> None:
        self._tell(f"refund.{refund.status}", refund, webhook)

    def _tell(self, kind: str, what: Refund | Dispute, webhook: WebhookOrder) -> None:
        """With the charge that it is of, for its own webhook may be lost, or still to come."""
        self._send({"type": kind, **what.entry(), **self._ledger.of(what.payment_id)}, webhook)

    def _send(self, body: dict[str, Any], webhook: WebhookOrder) -> None:
        if not webhook.drop:
            self._webhooks.add(
                message_id=_new_id("msg"),
                body=orjson.dumps(body).decode(),
                sendings=1 + webhook.repeat,
                delay_ms=webhook.delay_ms,
            )


def _new_id(prefix: str) -> str:
    return f"{prefix}_{uuid7().hex}"


def _fingerprint(order: CaptureOrder | RefundOrder) -> bytes:
    asked = order.model_dump(exclude={"metadata", "webhook"})
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()
