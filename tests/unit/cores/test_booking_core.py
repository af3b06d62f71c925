"""Each cell of the booking's table, written down a second time by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.events import (
    EVENTS,
    BookingCancelled,
    BookingCancelRequested,
    BookingConfirmed,
    BookingFailed,
    BookingIntentCreated,
    BookingPaymentRejected,
    BookingUserForgotten,
    Event,
    PaymentCaptured,
    PaymentChargedBack,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundPending,
)
from contracts.money import Money, RefundedBy
from contracts.topology import QUEUES
from contracts.values import Reason, Slot
from services.booking.rules.core import Input, Returned, UndeclaredTransition, decide
from services.booking.rules.state import Booking, BookingState, HeldPayment
from services.booking.rules.table import TABLE, DeadlinePassed

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SLOT = Slot(resource_id="r", starts_at=NOON, ends_at=NOON + timedelta(minutes=15))
PRICE: dict[str, Any] = {"user_id": "u1", "amount": 100, "currency": "USD"}

INTENT = BookingIntentCreated(intent_id="i1", slot=SLOT, created_at=NOON, **PRICE)
PAYMENT = PaymentCaptured(intent_id="i1", payment_id="p1", **PRICE)
SECOND = PAYMENT.model_copy(update={"payment_id": "p2"})
DECLINED = PaymentFailed(intent_id="i1", reason=Reason.DECLINED)
CANCEL = BookingCancelRequested(intent_id="i1", requested_by="u1")
DEADLINE = DeadlinePassed(intent_id="i1")

PART = Money(sequence=1, captured=100, refunded=99)
GONE = Money(sequence=2, captured=100, refunded=99, refund_pending=1)
_OF_REFUND: dict[str, Any] = {
    "intent_id": "i1",
    "payment_id": "p1",
    "amount": 1,
    "currency": "USD",
    "refund_id": "r1",
    "by": RefundedBy.ELSEWHERE,
    "money": GONE,
}
REFUNDED = PaymentRefunded(**_OF_REFUND)
RETURNING = PaymentRefundPending(**_OF_REFUND)
CHARGED_BACK = PaymentChargedBack(
    intent_id="i1", payment_id="p1", amount=1, currency="USD", dispute_id="d1", money=GONE
)
RETURNS: tuple[Returned, ...] = (
    REFUNDED,
    RETURNING,
    CHARGED_BACK,
)

HELD = HeldPayment(payment_id="p1", **PRICE)
PENDING = Booking(intent_id="i1", state=BookingState.PENDING, slot=SLOT, deadline_at=NOON, **PRICE)
PAID_FIRST = Booking(
    intent_id="i1",
    state=BookingState.PAYMENT_RECEIVED_FIRST,
    payment=HELD,
    deadline_at=NOON,
    deadline_traceparent="00-1",
)
CONFIRMED = replace(PENDING, state=BookingState.CONFIRMED, payment=HELD, deadline_at=None)
FAILED = replace(
    PENDING,
    state=BookingState.FAILED,
    payment=HELD,
    reason=Reason.AMOUNT_MISMATCH,
    deadline_at=None,
)
CANCELLED = replace(FAILED, state=BookingState.CANCELLED, reason=Reason.CANCELLED)


def failed(reason: Reason, payment_id: str | None = None) -> BookingFailed:
    return BookingFailed(intent_id="i1", payment_id=payment_id, reason=reason)


def cancelled(payment_id: str | None = None) -> BookingCancelled:
    return BookingCancelled(intent_id="i1", payment_id=payment_id, reason=Reason.CANCELLED)


def rejected(payment_id: str, reason: Reason) -> BookingPaymentRejected:
    return BookingPaymentRejected(intent_id="i1", payment_id=payment_id, reason=reason)


CONFIRMATION = BookingConfirmed(intent_id="i1", payment_id="p1", amount=100, currency="USD")
OTHER_USER = PAYMENT.model_copy(update={"user_id": "u2", "currency": "EUR", "amount": 1})
OTHER_CURRENCY = PAYMENT.model_copy(update={"currency": "EUR", "amount": 1})
OTHER_AMOUNT = PAYMENT.model_copy(update={"amount": 99})

# before, event, is the slot free → decision, state, what is emitted, slot, deadline
Cell = tuple[
    Booking | None, Input, bool, str, str | None, tuple[Event, ...], str | None, str | None
]
PAID = "payment_received_first"
NO_SLOT = (failed(Reason.SLOT_UNAVAILABLE),)
NO_SLOT_PAID = (failed(Reason.SLOT_UNAVAILABLE, "p1"),)
BAD_USER = (failed(Reason.USER_MISMATCH, "p1"),)
BAD_CURRENCY = (failed(Reason.CURRENCY_MISMATCH, "p1"),)
BAD_AMOUNT = (failed(Reason.AMOUNT_MISMATCH, "p1"),)
UNPAID = (failed(Reason.PAYMENT_TIMEOUT),)
UNWISHED = (failed(Reason.INTENT_MISSING, "p1"),)
ONE_TOO_MANY = (rejected("p2", Reason.ALREADY_PAID),)
TOO_LATE = (rejected("p2", Reason.BOOKING_CLOSED),)
GIVEN_UP = (cancelled(),)
GIVEN_UP_PAID = (cancelled("p1"),)
DONE = (CONFIRMATION,)
CELLS: tuple[Cell, ...] = (
    (None, INTENT, True, "wait", "pending", (), "take", "payment"),
    (None, INTENT, False, "fail", "failed", NO_SLOT, None, "clear"),
    (None, PAYMENT, True, "wait", PAID, (), None, "intent"),
    (None, DECLINED, True, "noop", None, (), None, None),
    (None, CANCEL, True, "cancel", "cancelled", GIVEN_UP, None, "clear"),
    #
    (PENDING, INTENT, False, "duplicate", "pending", (), None, None),
    (PENDING, PAYMENT, False, "confirm", "confirmed", DONE, None, "clear"),
    (PENDING, OTHER_USER, False, "fail", "failed", BAD_USER, "free", "clear"),
    (PENDING, OTHER_CURRENCY, False, "fail", "failed", BAD_CURRENCY, "free", "clear"),
    (PENDING, OTHER_AMOUNT, False, "fail", "failed", BAD_AMOUNT, "free", "clear"),
    (PENDING, DECLINED, False, "wait", "pending", (), None, None),
    (PENDING, CANCEL, False, "cancel", "cancelled", GIVEN_UP, "free", "clear"),
    (PENDING, DEADLINE, False, "fail", "failed", UNPAID, "free", "clear"),
    #
    (PAID_FIRST, INTENT, True, "confirm", "confirmed", DONE, "take", "clear"),
    (PAID_FIRST, INTENT, False, "fail", "failed", NO_SLOT_PAID, None, "clear"),
    (PAID_FIRST, PAYMENT, True, "duplicate", PAID, (), None, None),
    (PAID_FIRST, SECOND, True, "reject_payment", PAID, ONE_TOO_MANY, None, None),
    (PAID_FIRST, DECLINED, True, "noop", PAID, (), None, None),
    (PAID_FIRST, CANCEL, True, "cancel", "cancelled", GIVEN_UP_PAID, None, "clear"),
    (PAID_FIRST, DEADLINE, True, "fail", "failed", UNWISHED, None, "clear"),
    #
    (CONFIRMED, INTENT, False, "duplicate", "confirmed", (), None, None),
    (CONFIRMED, PAYMENT, False, "duplicate", "confirmed", (), None, None),
    (CONFIRMED, SECOND, False, "reject_payment", "confirmed", ONE_TOO_MANY, None, None),
    (CONFIRMED, DECLINED, False, "noop", "confirmed", (), None, None),
    (CONFIRMED, CANCEL, False, "cancel", "cancelled", GIVEN_UP_PAID, "free", "clear"),
    (CONFIRMED, DEADLINE, False, "noop", "confirmed", (), None, None),
    #
    (FAILED, INTENT, True, "noop", "failed", (), None, None),
    (FAILED, PAYMENT, True, "duplicate", "failed", (), None, None),
    (FAILED, SECOND, True, "reject_payment", "failed", TOO_LATE, None, None),
    (FAILED, DECLINED, True, "noop", "failed", (), None, None),
    (FAILED, CANCEL, True, "noop", "failed", (), None, None),
    (FAILED, DEADLINE, True, "noop", "failed", (), None, None),
    #
    (CANCELLED, INTENT, True, "noop", "cancelled", (), None, None),
    (CANCELLED, PAYMENT, True, "duplicate", "cancelled", (), None, None),
    (CANCELLED, SECOND, True, "reject_payment", "cancelled", TOO_LATE, None, None),
    (CANCELLED, DECLINED, True, "noop", "cancelled", (), None, None),
    (CANCELLED, CANCEL, True, "noop", "cancelled", (), None, None),
    (CANCELLED, DEADLINE, True, "noop", "cancelled", (), None, None),
)


def _returned(event: Returned) -> tuple[Cell, ...]:
    """What each state makes of a payment that went back without us, in whole."""
    reason = Reason.CHARGED_BACK if event is CHARGED_BACK else Reason.REFUNDED_ELSEWHERE
    other = event.model_copy(update={"payment_id": "p2"})
    refused, refused_other = (rejected("p1", reason),), (rejected("p2", reason),)
    gone = BookingCancelled(intent_id="i1", payment_id="p1", reason=reason)
    failing = (failed(reason, "p1"),)
    return (
        (None, event, True, "reject_payment", None, refused, None, None),
        (PENDING, event, True, "reject_payment", "pending", refused, None, None),
        (PAID_FIRST, event, True, "fail", "failed", failing, None, "clear"),
        (PAID_FIRST, other, True, "reject_payment", PAID, refused_other, None, None),
        (CONFIRMED, event, True, "cancel", "cancelled", (gone,), "free", "clear"),
        (CONFIRMED, other, True, "reject_payment", "confirmed", refused_other, None, None),
        (FAILED, event, True, "duplicate", "failed", (), None, None),
        (FAILED, other, True, "reject_payment", "failed", refused_other, None, None),
        (CANCELLED, event, True, "duplicate", "cancelled", (), None, None),
        (CANCELLED, other, True, "reject_payment", "cancelled", refused_other, None, None),
    )


CELLS += tuple(cell for event in RETURNS for cell in _returned(event))


def _cell_id(cell: Cell) -> str:
    before, event, slot_free, outcome, *_ = cell
    return f"{before and before.state}-{type(event).__name__}-{slot_free}-{outcome}"


@pytest.mark.parametrize("cell", CELLS, ids=_cell_id)
def test_cell(cell: Cell) -> None:
    before, event, slot_free, outcome, state, emitted, slot, deadline = cell
    decision = decide(before, event, slot_free=slot_free, refused_before=False)
    assert decision.outcome == outcome
    assert (decision.state and decision.state.state) == state
    assert decision.events == emitted
    assert decision.slot == slot
    assert decision.deadline == deadline
    if outcome in ("noop", "duplicate"):
        assert decision.state is before


@pytest.mark.parametrize("event", RETURNS, ids=lambda event: event.TYPE)
@pytest.mark.parametrize("before", [None, PENDING, PAID_FIRST, CONFIRMED, FAILED, CANCELLED])
def test_a_part_that_goes_back_changes_nothing(before: Booking | None, event: Input) -> None:
    assert isinstance(event, Returned)
    part = event.model_copy(update={"money": PART})
    decision = decide(before, part, slot_free=True, refused_before=False)
    assert (decision.outcome, decision.state, decision.events) == ("noop", before, ())


@pytest.mark.parametrize("before", [None, PENDING])
def test_a_payment_that_went_back_before_it_was_heard_of_never_pays(
    before: Booking | None,
) -> None:
    decision = decide(before, REFUNDED, slot_free=True, refused_before=False)
    assert decision.refused == "p1"
    late = decide(before, PAYMENT, slot_free=True, refused_before=True)
    assert (late.outcome, late.state, late.events) == ("duplicate", before, ())


def test_every_declared_cell_is_written_down_above() -> None:
    written = {(cell[0].state if cell[0] else BookingState.NONE, type(cell[1])) for cell in CELLS}
    assert written == TABLE.keys()


def test_the_table_speaks_of_all_that_the_queue_brings() -> None:
    brought = {EVENTS[event_type] for event_type in QUEUES["booking.events"]} | {DeadlinePassed}
    brought -= {BookingUserForgotten}  # decides nothing
    cells = {(state, event) for state in BookingState for event in brought}
    assert cells - TABLE.keys() == {(BookingState.NONE, DeadlinePassed)}


def test_an_undeclared_transition_is_loud() -> None:
    with pytest.raises(UndeclaredTransition, match="none has no rule for DeadlinePassed"):
        decide(None, DEADLINE, slot_free=True, refused_before=False)


@pytest.mark.parametrize(
    ("payment", "reason"),
    [
        (OTHER_USER, Reason.USER_MISMATCH),
        (OTHER_CURRENCY, Reason.CURRENCY_MISMATCH),
        (OTHER_AMOUNT, Reason.AMOUNT_MISMATCH),
    ],
)
def test_an_intent_is_compared_with_the_payment_that_came_first(
    payment: PaymentCaptured, reason: Reason
) -> None:
    before = decide(None, payment, slot_free=True, refused_before=False).state
    decision = decide(before, INTENT, slot_free=True, refused_before=False)
    assert decision.events == (failed(reason, "p1"),)
    assert decision.slot is None
    taken = decide(before, INTENT, slot_free=False, refused_before=False)
    assert taken.events == (failed(Reason.SLOT_UNAVAILABLE, "p1"),), "the slot is judged first"


@pytest.mark.parametrize("before", [PENDING, PAID_FIRST, CONFIRMED])
def test_the_payment_of_what_is_cancelled_is_a_duplicate_from_then_on(before: Booking) -> None:
    after = decide(before, CANCEL, slot_free=True, refused_before=False).state
    assert after is not None
    again = decide(after, PAYMENT, slot_free=True, refused_before=False)
    if before.payment:
        assert again.outcome == "duplicate"
    else:
        assert again.events == (rejected("p1", Reason.BOOKING_CLOSED),)
        assert again.refused == "p1"
        once_more = decide(again.state, PAYMENT, slot_free=True, refused_before=True)
        assert once_more.outcome == "duplicate"


@pytest.mark.parametrize("before", [PAID_FIRST, CONFIRMED, FAILED, CANCELLED])
def test_a_refused_payment_is_a_duplicate_in_every_state(before: Booking) -> None:
    decision = decide(before, SECOND, slot_free=True, refused_before=False)
    assert decision.refused == "p2"
    assert decision.state is before, "however many are refused, the booking does not grow"
    again = decide(decision.state, SECOND, slot_free=True, refused_before=True)
    assert (again.outcome, again.refused) == ("duplicate", None)


def test_an_intent_without_a_slot_never_asks_for_one() -> None:
    intent = INTENT.model_copy(update={"slot": None})
    decision = decide(None, intent, slot_free=True, refused_before=False)
    assert (decision.outcome, decision.slot) == ("wait", None)
    assert decide(decision.state, CANCEL, slot_free=True, refused_before=False).slot is None


def test_what_becomes_final_has_no_deadline() -> None:
    after = decide(PAID_FIRST, INTENT, slot_free=True, refused_before=False).state
    assert after is not None
    assert (after.deadline_at, after.deadline_traceparent) == (None, None)
    kept = decide(PAID_FIRST, SECOND, slot_free=True, refused_before=False).state
    assert kept is not None
    assert (kept.deadline_at, kept.deadline_traceparent) == (NOON, "00-1")


@pytest.mark.parametrize("booking", [PENDING, PAID_FIRST, CONFIRMED, FAILED, CANCELLED])
def test_a_document_is_the_same_booking(booking: Booking) -> None:
    document = booking.to_document()
    assert document["_id"] == "i1"
    assert Booking.from_document(document) == booking
