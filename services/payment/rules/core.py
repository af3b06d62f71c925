"""The rules of money: `decide` says what an input means for the rows it touches, and is pure.

No I/O, no clock, no ids. The provider is asked between two decisions: one, committed first, that it
may be asked (`attempt`), and one on its answer. So whatever may have reached the provider is on
record, and is asked again with the same key until the answer is known. The rules are the tables.
"""

from __future__ import annotations

from dataclasses import replace

from contracts.events import (
    BookingCancelled,
    BookingConfirmed,
    BookingFailed,
    BookingPaymentRejected,
    PaymentRequested,
)
from services.payment.rules.captures import decide_capture
from services.payment.rules.charges import decide_charge, decide_verdict
from services.payment.rules.decision import STUCK_AFTER_ATTEMPTS, Decision, UndeclaredTransition
from services.payment.rules.inputs import (
    CaptureDeclined,
    CaptureDue,
    CaptureSucceeded,
    CaptureUnanswered,
    ChargeKnown,
    DisputeReported,
    Input,
    Keys,
    RefundAnswered,
    RefundDue,
    RefundRefused,
    RefundReported,
    RefundUnanswered,
    keys,
)
from services.payment.rules.refund_job import decide_answer, decide_job
from services.payment.rules.reports import decide_report
from services.payment.rules.state import ClosedIntent, Known
from services.payment.rules.table import Outcome

__all__ = [
    "STUCK_AFTER_ATTEMPTS",
    "Decision",
    "Input",
    "Keys",
    "Known",
    "Outcome",
    "UndeclaredTransition",
    "decide",
    "keys",
]


def decide(known: Known, event: Input, *, event_id: str = "") -> Decision:
    """Decide `event` on the rows that `keys(event)` names; raises UndeclaredTransition.

    `event_id` is the event's id, which becomes the capture's; only `payment.requested` needs it.
    """
    match event:
        case PaymentRequested():
            return decide_capture(known, event, event_id)
        case CaptureDue() | CaptureDeclined() | CaptureUnanswered():
            return decide_capture(known, event, event.capture_id)
        case CaptureSucceeded():
            return _succeed(known, event)
        case ChargeKnown():
            return decide_charge(known, event)
        case RefundReported() | DisputeReported():
            return decide_report(known, event)
        case RefundAnswered():
            return decide_answer(known, event)
        case RefundDue() | RefundRefused() | RefundUnanswered():
            return decide_job(known, event)
        case BookingFailed() | BookingCancelled():
            return _close(decide_verdict(known, event), event.intent_id)
        case BookingConfirmed() | BookingPaymentRejected():
            return decide_verdict(known, event)


def _succeed(known: Known, event: CaptureSucceeded) -> Decision:
    """A capture's answer, and the charge that it made: on record whatever the capture's state."""
    capture = decide_capture(known, event, event.capture_id)
    charge = decide_charge(capture.state, ChargeKnown(charge=event.charge, at=event.at))
    alarm = Outcome.ALARM in (capture.outcome, charge.outcome)
    return replace(charge, outcome=Outcome.ALARM if alarm else capture.outcome)


def _close(decision: Decision, intent_id: str) -> Decision:
    """The intent is closed from now on, whatever became of the payment."""
    if decision.state.closed:
        return decision
    state = replace(decision.state, closed=ClosedIntent(intent_id=intent_id))
    outcome = Outcome.CLOSE if decision.outcome is Outcome.NOOP else decision.outcome
    return replace(decision, outcome=outcome, state=state)
