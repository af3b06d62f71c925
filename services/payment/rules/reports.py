"""What the provider reports of refunds and disputes: each counts once, in whatever order.

A report carries the charge that it is of, so that it may come before any other word of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from contracts.events import (
    Event,
)
from contracts.money import Money, PaymentStatus, RefundedBy
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
from services.payment.rules.table import DISPUTE_TABLE, REFUND_TABLE, Outcome, Rules

Table = Mapping[Any, Mapping[Any, Rules]]
FAILED_AGAIN_MAX: Final = timedelta(minutes=1)


def decide_report(known: Known, event: RefundReported | DisputeReported) -> Decision:
    """A refund or a dispute moved, or was heard of before."""
    known = _listed(known, event)
    charge = decide_charge(known, ChargeKnown(charge=event.charge, at=event.at))
    payment = charge.state.payment
    assert payment is not None
    if charge.outcome is Outcome.ALARM:
        return charge
    before: Refund | Dispute | None
    now: Refund | Dispute
    table: Table
    if isinstance(event, RefundReported):
        before, now, table = known.refund, event.refund, cast(Table, REFUND_TABLE)
    else:
        before, now, table = known.dispute, event.dispute, cast(Table, DISPUTE_TABLE)
    status = before.status if before else type(now.status)("none")
    rule = choose(status, table[status].get(now.status, ()), known, event)
    if rule.to is None:
        return replace(charge, outcome=rule.outcome)
    assert rule.emits is not None
    moved = _moved(payment.money, {status: -now.amount, now.status: now.amount})
    after = _due(replace(payment, money=moved), rule.outcome, event.at)
    state = replace(charge.state, payment=after)
    return Decision(
        outcome=rule.outcome,
        state=replace(state, refund=now)
        if isinstance(now, Refund)
        else replace(state, dispute=now),
        events=(*charge.events, _emission(rule.emits, after, now)),
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


def _listed(known: Known, event: RefundReported | DisputeReported) -> Known:
    """With a row for the refund that version 0.1.0 made, if that is reported: it counts already."""
    payment = known.payment
    if payment is None or known.refund is not None or not isinstance(event, RefundReported):
        return known
    refund = event.refund
    if refund.by is not RefundedBy.SERVICE or not 0 < payment.unlisted == refund.amount:
        return known
    made = replace(refund, status=RefundStatus.SUCCEEDED)
    return replace(known, payment=replace(payment, unlisted=0), refund=made)


def _emission(kind: Callable[..., Event], payment: Payment, now: Refund | Dispute) -> Event:
    about = (
        {"refund_id": now.refund_id, "by": now.by}
        if isinstance(now, Refund)
        else {"dispute_id": now.dispute_id}
    )
    return kind(
        payment_id=now.payment_id,
        intent_id=payment.charge.intent_id,
        amount=now.amount,
        currency=payment.charge.currency,
        money=payment.money,
        **about,
    )
