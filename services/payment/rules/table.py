"""The payment service's rules as data; docs/saga.md is drawn from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.events import (
    BookingCancelled,
    BookingConfirmed,
    BookingFailed,
    BookingPaymentRejected,
    Event,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundStuck,
    PaymentRequested,
)
from contracts.values import Reason
from services.payment.rules.inputs import (
    CaptureDeclined,
    CaptureDue,
    CaptureInput,
    CaptureSucceeded,
    CaptureUnanswered,
    ChargeKnown,
    PaymentInput,
    RefundDue,
    RefundSucceeded,
    RefundUnanswered,
)
from services.payment.rules.state import CaptureState, PaymentState


class Outcome(StrEnum):
    """What a decision made of an input."""

    REQUEST = "request"  # a capture is to be made
    DROP = "drop"  # a capture is not to be made, for its intent is closed
    ATTEMPT = "attempt"  # the provider may be asked now
    RETRY = "retry"  # the provider has to be asked again later
    STUCK = "stuck"  # the same, and somebody should look
    CAPTURE = "capture"  # money was taken
    DECLINE = "decline"  # money will not be taken
    SETTLE = "settle"  # the money pays for a booking
    REFUND = "refund"  # the money is to go back
    REFUNDED = "refunded"  # the money went back
    CLOSE = "close"  # nothing more is to be captured for the intent
    NOOP = "noop"  # nothing follows from this here
    DUPLICATE = "duplicate"  # this was heard before
    ALARM = "alarm"  # contradicts what is known; nothing of it changes


class Guard(StrEnum):
    """When a rule applies, in the words of the documentation; `core` knows what each means."""

    ALWAYS = "always"
    OTHER_DATA = "known with other data"
    NOT_DUE_YET = "not due yet"
    INTENT_CLOSED = "the intent is closed"
    CLOSED_UNATTEMPTED = "the intent is closed and nothing was attempted"
    OFTEN_ENOUGH = "tried often, and not reported yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a table: the first of a cell whose guard holds is taken; `to=None` stays."""

    when: Guard = Guard.ALWAYS
    outcome: Outcome
    to: PaymentState | CaptureState | None = None
    emits: type[Event] | None = None
    reason: Reason | None = None


Rules = tuple[Rule, ...]
_NOOP: Final = (Rule(outcome=Outcome.NOOP),)
_DUPLICATE: Final = (Rule(outcome=Outcome.DUPLICATE),)
_ALARM: Final = (Rule(outcome=Outcome.ALARM),)

_NOT_DUE: Final = Rule(when=Guard.NOT_DUE_YET, outcome=Outcome.NOOP)
_ATTEMPT: Final = Rule(outcome=Outcome.ATTEMPT)
_RETRY: Final = Rule(outcome=Outcome.RETRY)

_KNOWN_CHARGE: Final = (Rule(when=Guard.OTHER_DATA, outcome=Outcome.ALARM), *_DUPLICATE)
_TAKE: Final = (Rule(outcome=Outcome.CAPTURE, to=PaymentState.CAPTURED, emits=PaymentCaptured),)
_SETTLE: Final = (Rule(outcome=Outcome.SETTLE, to=PaymentState.SETTLED),)
_OWE: Final = (Rule(outcome=Outcome.REFUND, to=PaymentState.REFUND_PENDING),)
_GIVE_BACK: Final = (
    Rule(outcome=Outcome.REFUNDED, to=PaymentState.REFUNDED, emits=PaymentRefunded),
)
_STUCK: Final = Rule(when=Guard.OFTEN_ENOUGH, outcome=Outcome.STUCK, emits=PaymentRefundStuck)

PAYMENT_TABLE: Final[Mapping[PaymentState, Mapping[type[PaymentInput], Rules]]] = {
    PaymentState.NONE: {
        ChargeKnown: _TAKE,
        BookingConfirmed: _NOOP,
        BookingFailed: _NOOP,
        BookingCancelled: _NOOP,
        BookingPaymentRejected: _NOOP,
        RefundDue: _NOOP,
        RefundSucceeded: _ALARM,
        RefundUnanswered: _NOOP,
    },
    PaymentState.CAPTURED: {
        ChargeKnown: _KNOWN_CHARGE,
        BookingConfirmed: _SETTLE,
        BookingFailed: _OWE,
        BookingCancelled: _OWE,
        BookingPaymentRejected: _OWE,
        RefundDue: _NOOP,
        RefundSucceeded: _ALARM,
        RefundUnanswered: _NOOP,
    },
    PaymentState.SETTLED: {
        ChargeKnown: _KNOWN_CHARGE,
        BookingConfirmed: _DUPLICATE,
        BookingFailed: _OWE,
        BookingCancelled: _OWE,
        BookingPaymentRejected: _OWE,
        RefundDue: _NOOP,
        RefundSucceeded: _ALARM,
        RefundUnanswered: _NOOP,
    },
    PaymentState.REFUND_PENDING: {
        ChargeKnown: _KNOWN_CHARGE,
        BookingConfirmed: _NOOP,  # late: the cancellation overtook it
        BookingFailed: _DUPLICATE,
        BookingCancelled: _DUPLICATE,
        BookingPaymentRejected: _DUPLICATE,
        RefundDue: (_NOT_DUE, _ATTEMPT),
        RefundSucceeded: _GIVE_BACK,
        RefundUnanswered: (_STUCK, _RETRY),
    },
    PaymentState.REFUNDED: {
        ChargeKnown: _KNOWN_CHARGE,
        BookingConfirmed: _NOOP,
        BookingFailed: _DUPLICATE,
        BookingCancelled: _DUPLICATE,
        BookingPaymentRejected: _DUPLICATE,
        RefundDue: _NOOP,
        RefundSucceeded: _DUPLICATE,
        RefundUnanswered: _NOOP,
    },
}


def _drop(when: Guard) -> Rule:
    return Rule(
        when=when,
        outcome=Outcome.DROP,
        to=CaptureState.DROPPED,
        emits=PaymentFailed,
        reason=Reason.BOOKING_CLOSED,
    )


_REQUEST: Final = Rule(outcome=Outcome.REQUEST, to=CaptureState.REQUESTED)
_CAPTURED: Final = (Rule(outcome=Outcome.CAPTURE, to=CaptureState.CAPTURED),)
_DECLINED: Final = (
    Rule(
        outcome=Outcome.DECLINE,
        to=CaptureState.DECLINED,
        emits=PaymentFailed,
        reason=Reason.DECLINED,
    ),
)

# What may have reached the provider is asked again until the answer is known, even when the intent
# is closed by then: the booking will refuse the payment, and it is refunded.
CAPTURE_TABLE: Final[Mapping[CaptureState, Mapping[type[CaptureInput], Rules]]] = {
    CaptureState.NONE: {
        PaymentRequested: (_drop(Guard.INTENT_CLOSED), _REQUEST),
    },
    CaptureState.REQUESTED: {
        PaymentRequested: _DUPLICATE,
        CaptureDue: (_NOT_DUE, _drop(Guard.CLOSED_UNATTEMPTED), _ATTEMPT),
        CaptureSucceeded: _CAPTURED,
        CaptureDeclined: _DECLINED,
        CaptureUnanswered: (_RETRY,),
    },
    CaptureState.CAPTURED: {
        PaymentRequested: _DUPLICATE,
        CaptureDue: _NOOP,
        CaptureSucceeded: _DUPLICATE,
        CaptureDeclined: _ALARM,
        CaptureUnanswered: _NOOP,
    },
    CaptureState.DECLINED: {
        PaymentRequested: _DUPLICATE,
        CaptureDue: _NOOP,
        CaptureSucceeded: _ALARM,  # and the charge is recorded all the same
        CaptureDeclined: _DUPLICATE,
        CaptureUnanswered: _NOOP,
    },
    CaptureState.DROPPED: {
        PaymentRequested: _DUPLICATE,
        CaptureDue: _NOOP,
        CaptureSucceeded: _ALARM,
        CaptureDeclined: _ALARM,
        CaptureUnanswered: _NOOP,
    },
}
