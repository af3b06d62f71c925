"""Charges: money that was taken, what it pays for, and its way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from contracts.events import Event, PaymentCaptured, PaymentRefunded, PaymentRefundStuck
from contracts.values import ERROR_MAX_CHARS
from services.payment.rules.decision import Decision, choose
from services.payment.rules.inputs import ChargeKnown, PaymentInput, RefundDue, RefundUnanswered
from services.payment.rules.state import Known, Payment, PaymentState
from services.payment.rules.table import PAYMENT_TABLE, Outcome, Rule


def decide_charge(known: Known, event: PaymentInput) -> Decision:
    before = known.payment
    state = before.state if before else PaymentState.NONE
    rule = choose(state, PAYMENT_TABLE[state].get(type(event), ()), known, event)
    after = _follow(rule, before, event) if before else _start(rule, event)
    return Decision(
        outcome=rule.outcome,
        state=known if after is before else replace(known, payment=after),
        events=(EMISSIONS[rule.emits](after),) if rule.emits and after else (),
    )


def _start(rule: Rule, event: PaymentInput) -> Payment | None:
    if not isinstance(event, ChargeKnown):
        return None
    assert isinstance(rule.to, PaymentState)
    return Payment(charge=event.charge, state=rule.to, known_at=event.at)


def _follow(rule: Rule, before: Payment, event: PaymentInput) -> Payment:
    match event:
        case RefundDue() if rule.outcome is Outcome.ATTEMPT:
            return replace(before, attempts=before.attempts + 1, due_at=event.retry_at)
        case RefundUnanswered() if rule.outcome in (Outcome.RETRY, Outcome.STUCK):
            error = event.error[:ERROR_MAX_CHARS]
            stuck = before.stuck or rule.outcome is Outcome.STUCK
            return replace(before, due_at=event.retry_at, last_error=error, stuck=stuck)
    if rule.to is None:
        return before
    assert isinstance(rule.to, PaymentState)
    return replace(before, state=rule.to, due_at=None)


def _captured(payment: Payment) -> Event:
    charge = payment.charge
    return PaymentCaptured(
        payment_id=charge.payment_id,
        intent_id=charge.intent_id,
        user_id=charge.user_id,
        amount=charge.amount,
        currency=charge.currency,
    )


def _refunded(payment: Payment) -> Event:
    charge = payment.charge
    return PaymentRefunded(
        payment_id=charge.payment_id,
        intent_id=charge.intent_id,
        amount=charge.amount,
        currency=charge.currency,
    )


def _stuck(payment: Payment) -> Event:
    return PaymentRefundStuck(
        payment_id=payment.charge.payment_id,
        intent_id=payment.charge.intent_id,
        attempts=payment.attempts,
        last_error=payment.last_error or "",
    )


EMISSIONS: Final[Mapping[type[Event], Callable[[Payment], Event]]] = {
    PaymentCaptured: _captured,
    PaymentRefunded: _refunded,
    PaymentRefundStuck: _stuck,
}
