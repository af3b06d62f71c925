"""The booking's rules as data: for each state and each event, what is decided and why.

A cell's rules are tried from the top, and the first one whose guard holds is taken. A cell that is
missing is a transition that cannot happen. docs/saga.md is drawn from this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.events import (
    BookingCancelled,
    BookingCancelRequested,
    BookingConfirmed,
    BookingFailed,
    BookingIntentCreated,
    BookingPaymentRejected,
    Event,
    PaymentCaptured,
    PaymentChargedBack,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundPending,
)
from contracts.values import Reason
from services.booking.rules.state import BookingState


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed:
    """The booking has waited long enough. Comes from the sweeper, never over the wire."""

    intent_id: str


class Outcome(StrEnum):
    """What a decision made of an event."""

    WAIT = "wait"  # learned something; more has to come
    CONFIRM = "confirm"  # the customer has the booking
    FAIL = "fail"  # the booking will not come to be
    CANCEL = "cancel"  # the booking is given up: on request, or because its money went back
    REJECT_PAYMENT = "reject_payment"  # a payment that is of no use goes back
    NOOP = "noop"  # nothing follows from this here
    DUPLICATE = "duplicate"  # this was heard before


class Guard(StrEnum):
    """When a rule applies, in the words of the documentation; `core` knows what each means."""

    ALWAYS = "always"
    SLOT_TAKEN = "the slot is taken"
    USER_DIFFERS = "the user differs"
    CURRENCY_DIFFERS = "the currency differs"
    AMOUNT_DIFFERS = "the amount differs"
    SAME_PAYMENT = "the payment that it holds"
    IN_PART = "a part of the payment is left"
    REFUSED_BEFORE = "a payment refused before"


class SlotChange(StrEnum):
    TAKE = "take"
    FREE = "free"


class Deadline(StrEnum):
    PAYMENT = "payment"  # how long an intent waits for its payment
    INTENT = "intent"  # how long a payment waits for its intent
    CLEAR = "clear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table. `to=None` stays; `slot` and `deadline` None leave them alone."""

    when: Guard = Guard.ALWAYS
    outcome: Outcome
    to: BookingState | None = None
    emits: type[Event] | None = None
    reason: Reason | None = None
    slot: SlotChange | None = None
    deadline: Deadline | None = None


NONE, PENDING, PAID_FIRST, CONFIRMED, FAILED, CANCELLED = BookingState


def _fail(reason: Reason, *, when: Guard = Guard.ALWAYS, slot: SlotChange | None = None) -> Rule:
    return Rule(
        when=when,
        outcome=Outcome.FAIL,
        to=FAILED,
        emits=BookingFailed,
        reason=reason,
        slot=slot,
        deadline=Deadline.CLEAR,
    )


def _cancel(
    slot: SlotChange | None = None,
    *,
    reason: Reason = Reason.CANCELLED,
    when: Guard = Guard.ALWAYS,
) -> Rule:
    return Rule(
        when=when,
        outcome=Outcome.CANCEL,
        to=CANCELLED,
        emits=BookingCancelled,
        reason=reason,
        slot=slot,
        deadline=Deadline.CLEAR,
    )


def _confirm(slot: SlotChange | None = None) -> Rule:
    return Rule(
        outcome=Outcome.CONFIRM,
        to=CONFIRMED,
        emits=BookingConfirmed,
        slot=slot,
        deadline=Deadline.CLEAR,
    )


def _reject(reason: Reason) -> Rule:
    return Rule(outcome=Outcome.REJECT_PAYMENT, emits=BookingPaymentRejected, reason=reason)


def _unequal(slot: SlotChange | None = None) -> tuple[Rule, ...]:
    """The intent and the payment do not fit: judged by user, then currency, then amount."""
    return (
        _fail(Reason.USER_MISMATCH, when=Guard.USER_DIFFERS, slot=slot),
        _fail(Reason.CURRENCY_MISMATCH, when=Guard.CURRENCY_DIFFERS, slot=slot),
        _fail(Reason.AMOUNT_MISMATCH, when=Guard.AMOUNT_DIFFERS, slot=slot),
    )


_WAIT: Final = (Rule(outcome=Outcome.WAIT),)
_NOOP: Final = (Rule(outcome=Outcome.NOOP),)
_DUPLICATE: Final = (Rule(outcome=Outcome.DUPLICATE),)

_SLOT_TAKEN: Final = _fail(Reason.SLOT_UNAVAILABLE, when=Guard.SLOT_TAKEN)
_REFUSED_BEFORE: Final = Rule(when=Guard.REFUSED_BEFORE, outcome=Outcome.DUPLICATE)
_SAME_PAYMENT: Final = Rule(when=Guard.SAME_PAYMENT, outcome=Outcome.DUPLICATE)

# A late or second payment is refused, so that it is refunded: ignoring it would leave a customer
# charged for nothing.
_SECOND_PAYMENT: Final = (_SAME_PAYMENT, _REFUSED_BEFORE, _reject(Reason.ALREADY_PAID))
_LATE_PAYMENT: Final = (_REFUSED_BEFORE, _reject(Reason.BOOKING_CLOSED))


def _gone(reason: Reason, of_held_payment: Rule | None = None) -> tuple[Rule, ...]:
    """The money of a payment went back without us. One that is not held is refused, so that it can
    never pay for the booking, and goes back again should this refund fail."""
    held = () if of_held_payment is None else (of_held_payment,)
    in_part = Rule(when=Guard.IN_PART, outcome=Outcome.NOOP)
    return in_part, *held, _REFUSED_BEFORE, _reject(reason)


def _gone_of_paid_first(reason: Reason) -> tuple[Rule, ...]:
    return _gone(reason, _fail(reason, when=Guard.SAME_PAYMENT))


def _gone_of_confirmed(reason: Reason) -> tuple[Rule, ...]:
    return _gone(reason, _cancel(SlotChange.FREE, reason=reason, when=Guard.SAME_PAYMENT))


_REFUNDED: Final = Reason.REFUNDED_ELSEWHERE
_CHARGED_BACK: Final = Reason.CHARGED_BACK

_START_PENDING: Final = Rule(
    outcome=Outcome.WAIT, to=PENDING, slot=SlotChange.TAKE, deadline=Deadline.PAYMENT
)
_START_PAID: Final = Rule(outcome=Outcome.WAIT, to=PAID_FIRST, deadline=Deadline.INTENT)

InputType = type[Event] | type[DeadlinePassed]

TABLE: Final[Mapping[tuple[BookingState, InputType], tuple[Rule, ...]]] = {
    (NONE, BookingIntentCreated): (_SLOT_TAKEN, _START_PENDING),
    (NONE, PaymentCaptured): (_REFUSED_BEFORE, _START_PAID),
    (NONE, PaymentFailed): _NOOP,
    (NONE, BookingCancelRequested): (_cancel(),),
    (NONE, PaymentRefunded): _gone(_REFUNDED),
    (NONE, PaymentRefundPending): _gone(_REFUNDED),
    (NONE, PaymentChargedBack): _gone(_CHARGED_BACK),
    #
    (PENDING, BookingIntentCreated): _DUPLICATE,
    (PENDING, PaymentCaptured): (_REFUSED_BEFORE, *_unequal(SlotChange.FREE), _confirm()),
    (PENDING, PaymentFailed): _WAIT,  # the customer may try again until the deadline
    (PENDING, BookingCancelRequested): (_cancel(SlotChange.FREE),),
    (PENDING, DeadlinePassed): (_fail(Reason.PAYMENT_TIMEOUT, slot=SlotChange.FREE),),
    (PENDING, PaymentRefunded): _gone(_REFUNDED),
    (PENDING, PaymentRefundPending): _gone(_REFUNDED),
    (PENDING, PaymentChargedBack): _gone(_CHARGED_BACK),
    #
    (PAID_FIRST, BookingIntentCreated): (_SLOT_TAKEN, *_unequal(), _confirm(SlotChange.TAKE)),
    (PAID_FIRST, PaymentCaptured): _SECOND_PAYMENT,
    (PAID_FIRST, PaymentFailed): _NOOP,
    (PAID_FIRST, BookingCancelRequested): (_cancel(),),
    (PAID_FIRST, DeadlinePassed): (_fail(Reason.INTENT_MISSING),),
    (PAID_FIRST, PaymentRefunded): _gone_of_paid_first(_REFUNDED),
    (PAID_FIRST, PaymentRefundPending): _gone_of_paid_first(_REFUNDED),
    (PAID_FIRST, PaymentChargedBack): _gone_of_paid_first(_CHARGED_BACK),
    #
    (CONFIRMED, BookingIntentCreated): _DUPLICATE,
    (CONFIRMED, PaymentCaptured): _SECOND_PAYMENT,
    (CONFIRMED, PaymentFailed): _NOOP,
    (CONFIRMED, BookingCancelRequested): (_cancel(SlotChange.FREE),),
    (CONFIRMED, DeadlinePassed): _NOOP,
    (CONFIRMED, PaymentRefunded): _gone_of_confirmed(_REFUNDED),
    (CONFIRMED, PaymentRefundPending): _gone_of_confirmed(_REFUNDED),
    (CONFIRMED, PaymentChargedBack): _gone_of_confirmed(_CHARGED_BACK),
    #
    (FAILED, BookingIntentCreated): _NOOP,
    (FAILED, PaymentCaptured): _LATE_PAYMENT,
    (FAILED, PaymentFailed): _NOOP,
    (FAILED, BookingCancelRequested): _NOOP,
    (FAILED, DeadlinePassed): _NOOP,
    (FAILED, PaymentRefunded): _gone(_REFUNDED),
    (FAILED, PaymentRefundPending): _gone(_REFUNDED),
    (FAILED, PaymentChargedBack): _gone(_CHARGED_BACK),
    #
    (CANCELLED, BookingIntentCreated): _NOOP,
    (CANCELLED, PaymentCaptured): _LATE_PAYMENT,
    (CANCELLED, PaymentFailed): _NOOP,
    (CANCELLED, BookingCancelRequested): _NOOP,
    (CANCELLED, DeadlinePassed): _NOOP,
    (CANCELLED, PaymentRefunded): _gone(_REFUNDED),
    (CANCELLED, PaymentRefundPending): _gone(_REFUNDED),
    (CANCELLED, PaymentChargedBack): _gone(_CHARGED_BACK),
}
