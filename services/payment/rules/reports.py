"""What the provider reports of refunds and disputes: each counts once, in whatever order.

A report carries the charge that it is of, so that it may come before any other word of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.events import (
    Event,
    PaymentChargedBack,
    PaymentDisputeClosed,
    PaymentDisputed,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRefundPending,
)
from contracts.money import Money, PaymentStatus
from services.payment.rules.charges import decide_charge
from services.payment.rules.decision import Decision, choose
from services.payment.rules.inputs import ChargeKnown, DisputeReported, RefundReported
from services.payment.rules.state import (
    Dispute,
    DisputeStatus,
    Known,
    Payment,
    Refund,
    RefundStatus,
)
from services.payment.rules.table import DISPUTE_TABLE, REFUND_TABLE, Outcome

FAILED_AGAIN_MAX: Final = timedelta(minutes=1)


def decide_refund(known: Known, event: RefundReported) -> Decision:
    """A refund moved, or was heard of before."""
    charge = decide_charge(known, ChargeKnown(charge=event.charge, at=event.at))
    payment, before = charge.state.payment, known.refund
    assert payment is not None
    if charge.outcome is Outcome.ALARM:
        return charge
    status = before.status if before else RefundStatus.NONE
    rule = choose(status, REFUND_TABLE[status].get(event.refund.status, ()), known, event)
    if rule.to is None:
        return replace(charge, outcome=rule.outcome)
    assert rule.emits is not None
    moved = _moved(
        payment.money, {status: -event.refund.amount, event.refund.status: event.refund.amount}
    )
    after = _due(replace(payment, money=moved), rule.outcome, event.at)
    return Decision(
        outcome=rule.outcome,
        state=replace(charge.state, payment=after, refund=event.refund),
        events=(*charge.events, REFUND_EMISSIONS[rule.emits](after, event.refund)),
    )


def decide_dispute(known: Known, event: DisputeReported) -> Decision:
    """A dispute moved, or was heard of before."""
    charge = decide_charge(known, ChargeKnown(charge=event.charge, at=event.at))
    payment, before = charge.state.payment, known.dispute
    assert payment is not None
    if charge.outcome is Outcome.ALARM:
        return charge
    status = before.status if before else DisputeStatus.NONE
    rule = choose(status, DISPUTE_TABLE[status].get(event.dispute.status, ()), known, event)
    if rule.to is None:
        return replace(charge, outcome=rule.outcome)
    assert rule.emits is not None
    moved = _moved(
        payment.money, {status: -event.dispute.amount, event.dispute.status: event.dispute.amount}
    )
    after = _due(replace(payment, money=moved), rule.outcome, event.at)
    return Decision(
        outcome=rule.outcome,
        state=replace(charge.state, payment=after, dispute=event.dispute),
        events=(*charge.events, DISPUTE_EMISSIONS[rule.emits](after, event.dispute)),
    )


_SUM_OF: Final[Mapping[RefundStatus | DisputeStatus, str]] = {
    RefundStatus.PENDING: "refund_pending",
    RefundStatus.SUCCEEDED: "refunded",
    DisputeStatus.OPEN: "disputed",
    DisputeStatus.LOST: "charged_back",
}
"""Of a refund or dispute in this status; in any other it counts in none."""


def _moved(money: Money, changes: Mapping[Any, int]) -> Money:
    sums = money.model_dump()
    for status, change in changes.items():
        if (name := _SUM_OF.get(status)) is not None:
            sums[name] += change
    return Money(**{**sums, "sequence": money.sequence + 1})


def _due(payment: Payment, outcome: Outcome, at: datetime) -> Payment:
    """When the provider may be asked next, now that the money is elsewhere."""
    if payment.asking is not None or payment.status is not PaymentStatus.REFUND_PENDING:
        return payment
    if outcome is not Outcome.REFUND_FAILED:
        return replace(payment, due_at=None)
    pause = min(FAILED_AGAIN_MAX, timedelta(seconds=2 ** min(payment.attempts, 10)))
    return replace(payment, due_at=at + pause)


def _of_refund(kind: Callable[..., Event]) -> Callable[[Payment, Refund], Event]:
    def emit(payment: Payment, refund: Refund) -> Event:
        return kind(
            payment_id=refund.payment_id,
            intent_id=payment.charge.intent_id,
            amount=refund.amount,
            currency=payment.charge.currency,
            refund_id=refund.refund_id,
            by=refund.by,
            money=payment.money,
        )

    return emit


def _of_dispute(kind: Callable[..., Event]) -> Callable[[Payment, Dispute], Event]:
    def emit(payment: Payment, dispute: Dispute) -> Event:
        return kind(
            payment_id=dispute.payment_id,
            intent_id=payment.charge.intent_id,
            amount=dispute.amount,
            currency=payment.charge.currency,
            dispute_id=dispute.dispute_id,
            money=payment.money,
        )

    return emit


REFUND_EMISSIONS: Final[Mapping[type[Event], Callable[[Payment, Refund], Event]]] = {
    kind: _of_refund(kind) for kind in (PaymentRefundPending, PaymentRefunded, PaymentRefundFailed)
}
DISPUTE_EMISSIONS: Final[Mapping[type[Event], Callable[[Payment, Dispute], Event]]] = {
    kind: _of_dispute(kind) for kind in (PaymentDisputed, PaymentDisputeClosed, PaymentChargedBack)
}
