"""Captures: money that the customer asked us to take, and the provider's answer."""

from __future__ import annotations

from dataclasses import replace

from contracts.events import PaymentFailed, PaymentRequested
from contracts.values import ERROR_MAX_CHARS
from services.payment.rules.decision import Decision, choose
from services.payment.rules.inputs import (
    CaptureDue,
    CaptureInput,
    CaptureSucceeded,
    CaptureUnanswered,
)
from services.payment.rules.state import Capture, CaptureState, Known
from services.payment.rules.table import CAPTURE_TABLE, Outcome, Rule


def decide_capture(known: Known, event: CaptureInput, capture_id: str) -> Decision:
    before = known.capture
    state = before.state if before else CaptureState.NONE
    rule = choose(state, CAPTURE_TABLE[state].get(type(event), ()), known, event)
    after = _follow(rule, before, event) if before else _start(rule, event, capture_id)
    failed = rule.reason and PaymentFailed(intent_id=after.intent_id, reason=rule.reason)
    return Decision(
        outcome=rule.outcome,
        state=known if after is before else replace(known, capture=after),
        events=(failed,) if failed else (),
    )


def _start(rule: Rule, event: CaptureInput, capture_id: str) -> Capture:
    assert isinstance(event, PaymentRequested)
    assert isinstance(rule.to, CaptureState)
    return Capture(
        capture_id=capture_id,
        intent_id=event.intent_id,
        user_id=event.user_id,
        amount=event.amount,
        currency=event.currency,
        payment_method=event.payment_method,
        state=rule.to,
    )


def _follow(rule: Rule, before: Capture, event: CaptureInput) -> Capture:
    match rule.outcome, event:
        case Outcome.ATTEMPT, CaptureDue():
            return replace(
                before,
                asked_at=before.asked_at or event.now,
                attempts=before.attempts + 1,
                due_at=event.retry_at,
            )
        case Outcome.RETRY, CaptureUnanswered():
            return replace(before, due_at=event.retry_at, last_error=event.error[:ERROR_MAX_CHARS])
    if rule.to is None:
        return before
    assert isinstance(rule.to, CaptureState)
    done = replace(before, state=rule.to, due_at=None)
    if isinstance(event, CaptureSucceeded):
        return replace(done, payment_id=event.charge.payment_id)
    return done
