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
    PaymentChargedBack,
    PaymentDisputeClosed,
    PaymentDisputed,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRefundPending,
    PaymentRefundStuck,
    PaymentRequested,
)
from contracts.money import Verdict
from contracts.values import Reason
from services.payment.rules.inputs import (
    BookingVerdict,
    CaptureDeclined,
    CaptureDue,
    CaptureInput,
    CaptureSucceeded,
    CaptureUnanswered,
    RefundDue,
    RefundJobInput,
    RefundRefused,
    RefundUnanswered,
)
from services.payment.rules.state import CaptureState, DisputeStatus, RefundStatus


class Outcome(StrEnum):
    """What a decision made of an input."""

    REQUEST = "request"  # a capture is to be made
    DROP = "drop"  # a capture is not to be made, for its intent is closed
    ATTEMPT = "attempt"  # the provider may be asked now
    LATER = "later"  # there is nothing to ask the provider for at the moment
    RETRY = "retry"  # the provider has to be asked again later
    STUCK = "stuck"  # the same, and somebody should look
    CAPTURE = "capture"  # money was taken
    DECLINE = "decline"  # money will not be taken
    SETTLE = "settle"  # the money pays for a booking
    REFUND = "refund"  # the money is to go back
    RETURNING = "returning"  # money is on its way back
    REFUNDED = "refunded"  # money went back
    REFUND_FAILED = "refund_failed"  # money that was on its way back is with us again
    DISPUTE = "dispute"  # the customer's bank asks for money
    DISPUTE_WON = "dispute_won"  # the money stays
    CHARGE_BACK = "charge_back"  # the customer's bank took money
    CLOSE = "close"  # nothing more is to be captured for the intent
    NOOP = "noop"  # nothing follows from this here
    DUPLICATE = "duplicate"  # this was heard before
    ALARM = "alarm"  # contradicts what is known; nothing of it changes


class Guard(StrEnum):
    """When a rule applies, in the words of the documentation; `core` knows what each means."""

    ALWAYS = "always"
    OTHER_DATA = "known with other data"
    ALL_BACK = "all is back or on its way"
    NOT_DUE_YET = "not due yet"
    NOTHING_TO_ASK = "the rest is on its way or disputed"
    INTENT_CLOSED = "the intent is closed"
    CLOSED_UNATTEMPTED = "the intent is closed and nothing was attempted"
    OFTEN_ENOUGH = "tried often, and not reported yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a table: the first of a cell whose guard holds is taken; `to=None` stays."""

    when: Guard = Guard.ALWAYS
    outcome: Outcome
    to: Verdict | RefundStatus | DisputeStatus | CaptureState | None = None
    emits: type[Event] | None = None
    reason: Reason | None = None


Rules = tuple[Rule, ...]
_NOOP: Final = (Rule(outcome=Outcome.NOOP),)
_DUPLICATE: Final = (Rule(outcome=Outcome.DUPLICATE),)
_ALARM: Final = (Rule(outcome=Outcome.ALARM),)

_NOT_DUE: Final = Rule(when=Guard.NOT_DUE_YET, outcome=Outcome.NOOP)
_ATTEMPT: Final = Rule(outcome=Outcome.ATTEMPT)
_RETRY: Final = Rule(outcome=Outcome.RETRY)
_OTHER_DATA: Final = Rule(when=Guard.OTHER_DATA, outcome=Outcome.ALARM)
_KNOWN: Final = (_OTHER_DATA, *_DUPLICATE)

CHARGE_RULES: Final[Rules] = (
    _OTHER_DATA,
    Rule(outcome=Outcome.CAPTURE, emits=PaymentCaptured),
)
"""Of a charge that is reported for the first time; a known one is a duplicate, or other data."""

# What the booking makes of a charge. What has gone back already is not given back again.

_SETTLE: Final = (Rule(outcome=Outcome.SETTLE, to=Verdict.SETTLED),)
_GIVE_BACK: Final = (
    Rule(when=Guard.ALL_BACK, outcome=Outcome.NOOP, to=Verdict.REFUSED),
    Rule(outcome=Outcome.REFUND, to=Verdict.REFUSED),
)

VERDICT_TABLE: Final[Mapping[Verdict, Mapping[type[BookingVerdict], Rules]]] = {
    Verdict.UNJUDGED: {
        BookingConfirmed: _SETTLE,
        BookingFailed: _GIVE_BACK,
        BookingCancelled: _GIVE_BACK,
        BookingPaymentRejected: _GIVE_BACK,
    },
    Verdict.SETTLED: {
        BookingConfirmed: _DUPLICATE,
        BookingFailed: _GIVE_BACK,
        BookingCancelled: _GIVE_BACK,
        BookingPaymentRejected: _GIVE_BACK,
    },
    Verdict.REFUSED: {
        BookingConfirmed: _NOOP,  # late: the cancellation overtook it
        BookingFailed: _DUPLICATE,
        BookingCancelled: _DUPLICATE,
        BookingPaymentRejected: _DUPLICATE,
    },
}

# What the provider reports of refunds and disputes, whoever asked for them, in whatever order.

_RETURNING: Final = Rule(
    outcome=Outcome.RETURNING, to=RefundStatus.PENDING, emits=PaymentRefundPending
)
_REFUNDED: Final = Rule(outcome=Outcome.REFUNDED, to=RefundStatus.SUCCEEDED, emits=PaymentRefunded)
_REFUND_FAILED: Final = Rule(
    outcome=Outcome.REFUND_FAILED, to=RefundStatus.FAILED, emits=PaymentRefundFailed
)

REFUND_TABLE: Final[Mapping[RefundStatus, Mapping[RefundStatus, Rules]]] = {
    RefundStatus.NONE: {
        RefundStatus.PENDING: (_RETURNING,),
        RefundStatus.SUCCEEDED: (_REFUNDED,),
        RefundStatus.FAILED: (_REFUND_FAILED,),
    },
    RefundStatus.PENDING: {
        RefundStatus.PENDING: _KNOWN,
        RefundStatus.SUCCEEDED: (_OTHER_DATA, _REFUNDED),
        RefundStatus.FAILED: (_OTHER_DATA, _REFUND_FAILED),
    },
    RefundStatus.SUCCEEDED: {
        RefundStatus.PENDING: _KNOWN,
        RefundStatus.SUCCEEDED: _KNOWN,
        RefundStatus.FAILED: (_OTHER_DATA, _REFUND_FAILED),
    },
    RefundStatus.FAILED: {
        RefundStatus.PENDING: _KNOWN,
        RefundStatus.SUCCEEDED: _KNOWN,
        RefundStatus.FAILED: _KNOWN,
    },
}

_DISPUTED: Final = Rule(outcome=Outcome.DISPUTE, to=DisputeStatus.OPEN, emits=PaymentDisputed)
_WON: Final = Rule(outcome=Outcome.DISPUTE_WON, to=DisputeStatus.WON, emits=PaymentDisputeClosed)
_LOST: Final = Rule(outcome=Outcome.CHARGE_BACK, to=DisputeStatus.LOST, emits=PaymentChargedBack)

DISPUTE_TABLE: Final[Mapping[DisputeStatus, Mapping[DisputeStatus, Rules]]] = {
    DisputeStatus.NONE: {
        DisputeStatus.OPEN: (_DISPUTED,),
        DisputeStatus.WON: (_WON,),
        DisputeStatus.LOST: (_LOST,),
    },
    DisputeStatus.OPEN: {
        DisputeStatus.OPEN: _KNOWN,
        DisputeStatus.WON: (_OTHER_DATA, _WON),
        DisputeStatus.LOST: (_OTHER_DATA, _LOST),
    },
    DisputeStatus.WON: {
        DisputeStatus.OPEN: _KNOWN,
        DisputeStatus.WON: _KNOWN,
        DisputeStatus.LOST: _ALARM,
    },
    DisputeStatus.LOST: {
        DisputeStatus.OPEN: _KNOWN,
        DisputeStatus.WON: _ALARM,
        DisputeStatus.LOST: _KNOWN,
    },
}

# The refund that we make: of what is left, and only while something is to go back.

_STUCK: Final = Rule(when=Guard.OFTEN_ENOUGH, outcome=Outcome.STUCK, emits=PaymentRefundStuck)
_NOTHING_TO_ASK: Final = Rule(when=Guard.NOTHING_TO_ASK, outcome=Outcome.LATER)

REFUND_JOB_RULES: Final[Mapping[type[RefundJobInput], Rules]] = {
    RefundDue: (_NOT_DUE, _NOTHING_TO_ASK, _ATTEMPT),
    RefundRefused: (_STUCK, _RETRY),
    RefundUnanswered: (_STUCK, _RETRY),
}
"""In the status `refund_pending`. In any other, nothing follows, and nothing is asked."""


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
