"""The rules of a booking: `decide` says what an event means for an intent, and does nothing else.

It is pure: no I/O, no clock, no ids. The same booking, event and slot give the same decision, so a
batch of events can be decided in memory and committed at once. The rules themselves are the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from services.booking.rules.state import Booking, BookingState, HeldPayment
from services.booking.rules.table import (
    TABLE,
    Deadline,
    DeadlinePassed,
    Guard,
    Outcome,
    Rule,
    SlotChange,
)

Returned = PaymentRefunded | PaymentRefundPending | PaymentChargedBack
OfPayment = PaymentCaptured | Returned
Input = BookingIntentCreated | OfPayment | PaymentFailed | BookingCancelRequested | DeadlinePassed


class UndeclaredTransition(Exception):
    """The table has no cell for this state and this event: one of the two is a bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from an event.

    `state` is the booking afterwards, the very same object where nothing changed, and None where
    there is still none. `slot` and `deadline` None mean: leave them as they are. `refused` is the
    payment to remember as refused.
    """

    outcome: Outcome
    state: Booking | None
    events: tuple[Event, ...] = ()
    slot: SlotChange | None = None
    deadline: Deadline | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the guards look at: the booking before, the event, and what is known with both."""

    before: Booking
    event: Input
    known: Booking
    slot_free: bool
    refused_before: bool


def decide(
    booking: Booking | None, event: Input, *, slot_free: bool, refused_before: bool
) -> Decision:
    """Decide `event` for the booking of its intent; raises UndeclaredTransition.

    `slot_free` says whether every quantum of the event's slot is free; True where it has no slot.
    `refused_before` says whether an earlier decision named the event's payment in `refused`.
    """
    before = booking or Booking(intent_id=event.intent_id)
    assert before.intent_id == event.intent_id, "an event was given to another intent's booking"
    known = learn(before, event)
    rule = choose(Facts(before, event, known, slot_free, refused_before))
    after = follow(rule, before, known)
    return Decision(
        outcome=rule.outcome,
        state=None if after.state is BookingState.NONE else booking if after is before else after,
        events=(EMISSIONS[rule.emits](after, event, rule),) if rule.emits else (),
        slot=rule.slot if after.slot else None,
        deadline=rule.deadline,
        refused=_rejected_payment(rule, event),
    )


def learn(booking: Booking, event: Input) -> Booking:
    """The booking with what the event says; whether it is kept is for the rule to say."""
    if isinstance(event, BookingIntentCreated):
        return replace(
            booking,
            user_id=event.user_id,
            amount=event.amount,
            currency=event.currency,
            slot=event.slot,
        )
    if isinstance(event, PaymentCaptured):
        payment = HeldPayment(
            payment_id=event.payment_id,
            user_id=event.user_id,
            amount=event.amount,
            currency=event.currency,
        )
        return replace(booking, payment=payment)
    return booking


def choose(facts: Facts) -> Rule:
    """The first rule of the cell whose guard holds."""
    state, event = facts.before.state, type(facts.event)
    for rule in TABLE.get((state, event), ()):
        if GUARDS[rule.when](facts):
            return rule
    raise UndeclaredTransition(f"{state} has no rule for {event.__name__}")


def follow(rule: Rule, before: Booking, known: Booking) -> Booking:
    """The booking after the rule."""
    if rule.to is None:
        return before
    after = replace(known, state=rule.to, reason=rule.reason)
    if rule.deadline is Deadline.CLEAR:
        after = replace(after, deadline_at=None, deadline_traceparent=None)
    return after


def _rejected_payment(rule: Rule, event: Input) -> str | None:
    if rule.outcome is not Outcome.REJECT_PAYMENT:
        return None
    assert isinstance(event, OfPayment)
    return event.payment_id


def _paid(facts: Facts) -> HeldPayment:
    payment = facts.known.payment
    assert payment is not None, "only a booking with a payment is compared with one"
    return payment


def _named(facts: Facts) -> str:
    assert isinstance(facts.event, OfPayment)
    return facts.event.payment_id


def _in_part(facts: Facts) -> bool:
    """Version 0.1.0 made whole refunds alone, and did not say what is left."""
    assert isinstance(facts.event, Returned)
    return facts.event.money is not None and facts.event.money.kept > 0


GUARDS: Final[Mapping[Guard, Callable[[Facts], bool]]] = {
    Guard.ALWAYS: lambda facts: True,
    Guard.SLOT_TAKEN: lambda facts: facts.known.slot is not None and not facts.slot_free,
    Guard.USER_DIFFERS: lambda facts: facts.known.user_id != _paid(facts).user_id,
    Guard.CURRENCY_DIFFERS: lambda facts: facts.known.currency != _paid(facts).currency,
    Guard.AMOUNT_DIFFERS: lambda facts: facts.known.amount != _paid(facts).amount,
    Guard.SAME_PAYMENT: lambda facts: facts.before.payment_id == _named(facts),
    Guard.IN_PART: _in_part,
    # Of what failed or was cancelled, the payment that it holds was refused with it.
    Guard.REFUSED_BEFORE: lambda facts: (
        facts.refused_before or facts.before.payment_id == _named(facts)
    ),
}


def _confirmed(booking: Booking, event: Input, rule: Rule) -> Event:
    assert booking.payment is not None
    return BookingConfirmed(
        intent_id=booking.intent_id,
        payment_id=booking.payment.payment_id,
        amount=booking.payment.amount,
        currency=booking.payment.currency,
    )


def _failed(booking: Booking, event: Input, rule: Rule) -> Event:
    assert rule.reason is not None
    return BookingFailed(
        intent_id=booking.intent_id, payment_id=booking.payment_id, reason=rule.reason
    )


def _cancelled(booking: Booking, event: Input, rule: Rule) -> Event:
    assert rule.reason is not None
    return BookingCancelled(
        intent_id=booking.intent_id, payment_id=booking.payment_id, reason=rule.reason
    )


def _rejected(booking: Booking, event: Input, rule: Rule) -> Event:
    assert isinstance(event, OfPayment)
    assert rule.reason is not None
    return BookingPaymentRejected(
        intent_id=booking.intent_id, payment_id=event.payment_id, reason=rule.reason
    )


EMISSIONS: Final[Mapping[type[Event], Callable[[Booking, Input, Rule], Event]]] = {
    BookingConfirmed: _confirmed,
    BookingFailed: _failed,
    BookingCancelled: _cancelled,
    BookingPaymentRejected: _rejected,
}
