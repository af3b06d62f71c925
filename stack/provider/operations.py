"""What the provider does: charge, capture, refund, dispute. Each is one transaction, once.

Nothing here waits, so no two operations ever interleave.
"""

import sqlite3
from typing import Any

import orjson

from stack.provider.database import transaction
from stack.provider.execution import Executor, Reply
from stack.provider.faults import Slow, Suffered
from stack.provider.identity import new_id
from stack.provider.ledger import (
    Answer,
    Charge,
    Dispute,
    Ledger,
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
from stack.provider.webhooks import Announcements, now_ms


class Operations:
    def __init__(
        self,
        connection: sqlite3.Connection,
        ledger: Ledger,
        executor: Executor,
        announcements: Announcements,
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._executor = executor
        self._announcements = announcements

    def charge(self, order: ChargeOrder) -> Reply:
        """201 for a new charge, 200 for a known one with equal data; else a Problem of 409."""
        charge = Charge(
            payment_id=order.payment_id or new_id("pay"),
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

    def capture(self, order: CaptureOrder, key: str, suffered: Suffered) -> tuple[Answer, bool]:
        """Shape of `once`; faults are used up only where the answer is not known yet."""

        def perform() -> Reply:
            if order.payment_method.startswith("decline") or suffered.declines():
                problem = Problem(402, "declined", "the card was declined", reason="declined")
                return problem.status, problem.body()
            charge = Charge(
                payment_id=new_id("pay"),
                intent_id=order.intent_id,
                user_id=order.user_id,
                amount=order.amount,
                currency=order.currency,
                metadata=order.metadata,
            )
            self._add(charge, suffered.webhook(WebhookOrder()))
            return 201, orjson.dumps({"paymentId": charge.payment_id})

        return self._executor.once("captures", key, _asked(order), perform)

    def refund(self, order: RefundOrder, key: str, suffered: Suffered) -> tuple[Answer, bool]:
        """Shape of `once`; faults are used up only where the answer is not known yet."""

        def perform() -> Reply:
            slow = suffered.slow()
            refund = Refund(
                refund_id=new_id("ref"),
                payment_id=order.payment_id,
                amount=order.amount,
                currency=order.currency,
                idempotency_key=key,
                status="pending" if slow else "succeeded",
            )
            self._ledger.add_refund(refund, *settling(slow))
            webhook = suffered.webhook(order.webhook)
            self._announcements.refund_moved(refund, webhook, is_new=True)
            body = refund.entry()
            del body["idempotencyKey"]
            return 201, orjson.dumps(body)

        return self._executor.once("refunds", key, _asked(order), perform)

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
            self._announcements.refund_moved(refund, webhook, is_new=False)

    def dispute(self, order: DisputeOrder) -> Reply:
        """The customer's bank asks for money back."""
        dispute = Dispute(
            dispute_id=new_id("dis"),
            payment_id=order.payment_id,
            amount=order.amount,
            status="open",
        )
        with transaction(self._connection):
            self._ledger.add_dispute(dispute)
            self._announcements.dispute_moved(dispute, order.webhook)
        return 201, orjson.dumps(dispute.entry())

    def close_dispute(self, dispute_id: str, order: OutcomeOrder) -> Reply:
        """The bank's verdict: a lost dispute takes the money."""
        with transaction(self._connection):
            dispute = self._ledger.close_dispute(dispute_id, order.outcome)
            if dispute is not None:
                self._announcements.dispute_moved(dispute, order.webhook)
        return 200, orjson.dumps({"disputeId": dispute_id, "status": order.outcome})

    def _add(self, charge: Charge, webhook: WebhookOrder) -> None:
        self._ledger.add_charge(charge)
        self._announcements.charged(charge, webhook)


def settling(slow: Slow | None) -> tuple[int | None, str | None]:
    """When a refund leaves `pending`, in milliseconds since 1970, and as what."""
    after_ms, ends_as = slow or Slow(None, None)
    return (None if after_ms is None else now_ms() + after_ms), ends_as


def _asked(order: CaptureOrder | RefundOrder) -> dict[str, Any]:
    """What a repeat has to have in common with the first."""
    return order.model_dump(exclude={"metadata", "webhook"})
