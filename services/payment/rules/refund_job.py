"""The refund that we make: of what is left of a charge that is to go back.

A refund that may have reached the provider is asked for again with the same key and amount until
the answer is known. Only then is the next one asked for, of what is left by then.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.events import PaymentRefundStuck
from contracts.money import PaymentStatus
from contracts.values import ERROR_MAX_CHARS
from services.payment.rules.decision import Decision, choose
from services.payment.rules.inputs import (
    RefundAnswered,
    RefundDue,
    RefundRefused,
    RefundReported,
    RefundUnanswered,
)
from services.payment.rules.reports import decide_report
from services.payment.rules.state import Known, Payment
from services.payment.rules.table import REFUND_JOB_RULES, Outcome, Rule


def decide_answer(known: Known, event: RefundAnswered) -> Decision:
    """The provider's answer reports a refund, and ends the asking for it."""
    if known.payment is None:
        return Decision(outcome=Outcome.ALARM, state=known)
    closed = replace(known, payment=_closed(known.payment))
    report = RefundReported(charge=known.payment.charge, refund=event.refund, at=event.at)
    return decide_report(closed, report)


def decide_job(known: Known, event: RefundDue | RefundRefused | RefundUnanswered) -> Decision:
    """May the provider be asked, and what follows where it did not make the refund?"""
    before = known.payment
    if before is None:
        return Decision(outcome=Outcome.NOOP, state=known)
    if before.status is PaymentStatus.REFUND_PENDING:
        rule = choose(before.status, REFUND_JOB_RULES[type(event)], known, event)
    else:
        rule = Rule(outcome=Outcome.NOOP)
    after = _follow(rule, before, event)
    return Decision(
        outcome=rule.outcome,
        state=known if after is before else replace(known, payment=after),
        events=(_stuck(after),) if rule.emits else (),
    )


def _follow(
    rule: Rule, before: Payment, event: RefundDue | RefundRefused | RefundUnanswered
) -> Payment:
    if isinstance(event, RefundDue):
        if rule.outcome is Outcome.LATER:
            return replace(before, due_at=event.look_again_at)
        if rule.outcome is not Outcome.ATTEMPT:
            return before
        return replace(
            before,
            asking=before.asking or before.money.refundable,
            asked_at=before.asked_at or event.now,
            attempts=before.attempts + 1,
            due_at=event.retry_at,
        )
    after = _closed(before) if isinstance(event, RefundRefused) else before
    if rule.outcome is Outcome.NOOP:
        return after
    return replace(
        after,
        due_at=event.retry_at,
        last_error=event.error[:ERROR_MAX_CHARS],
        stuck=before.stuck or rule.outcome is Outcome.STUCK,
    )


def _closed(payment: Payment) -> Payment:
    """Nothing is being asked any more: the next refund has a key of its own."""
    if payment.asking is None:
        return payment
    return replace(payment, asking=None, asked_at=None, refunds_asked=payment.refunds_asked + 1)


def _stuck(payment: Payment) -> PaymentRefundStuck:
    return PaymentRefundStuck(
        payment_id=payment.charge.payment_id,
        intent_id=payment.charge.intent_id,
        attempts=payment.attempts,
        last_error=payment.last_error or "",
    )
