"""The read model: what it shows, and that neither order nor repeats can be told from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    BookingCancelled,
    BookingCancelRequested,
    BookingConfirmed,
    BookingFailed,
    BookingIntentCreated,
    BookingPaymentRejected,
    Event,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundStuck,
    PaymentRequested,
)
from contracts.values import Reason, Slot
from services.gateway.rules import core
from services.gateway.rules.core import Archived, payment_of, project
from services.gateway.rules.view import Entry, PaymentView, View

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SLOT = Slot(resource_id="r", starts_at=NOON, ends_at=NOON + timedelta(minutes=15))
MONEY: dict[str, Any] = {"amount": 100, "currency": "USD"}


def _paid(payment_id: str) -> dict[str, Any]:
    return {"intent_id": "i1", "payment_id": payment_id}


INTENT = BookingIntentCreated(intent_id="i1", user_id="u1", slot=SLOT, created_at=NOON, **MONEY)
EVENTS: tuple[Event, ...] = (
    INTENT,
    BookingCancelRequested(intent_id="i1", requested_by="u1"),
    PaymentRequested(intent_id="i1", user_id="u1", payment_method="card", **MONEY),
    PaymentFailed(intent_id="i1", reason=Reason.DECLINED),
    BookingConfirmed(**_paid("p1"), **MONEY),
    BookingFailed(intent_id="i1", reason=Reason.PAYMENT_TIMEOUT),
    BookingCancelled(**_paid("p1"), reason=Reason.CANCELLED),
    *(PaymentCaptured(user_id="u1", **_paid(p), **MONEY) for p in ("p1", "p2")),
    *(BookingPaymentRejected(**_paid(p), reason=Reason.ALREADY_PAID) for p in ("p1", "p2")),
    *(PaymentRefunded(**_paid(p), **MONEY) for p in ("p1", "p2")),
    PaymentRefundStuck(**_paid("p2"), attempts=10, last_error="503"),
)


class Shown:
    """A view and its archive, as the gateway keeps the two."""

    def __init__(self, view: View | None = None) -> None:
        self.view = view
        self.entries: dict[str, Entry] = {}
        self.payments: dict[str, PaymentView] = {}

    def hear(self, number: int) -> None:
        """Each event happened at a time of its own, some at the same one."""
        event, event_id = EVENTS[number], f"e{number}"
        after = project(
            self.view,
            event,
            event_id=event_id,
            time=NOON + timedelta(milliseconds=number // 2),
            trace_id="t" * 32,
            archived=Archived(
                entry=event_id in self.entries,
                payment=self.payments.get(payment_of(event) or ""),
            ),
        )
        self.view = after.view
        self.entries.update({entry.event_id: entry for entry in after.entries})
        self.payments.update({payment.payment_id: payment for payment in after.payments})


def _hear(*numbers: int, view: View | None = None) -> View:
    """The view of these events."""
    shown = Shown(view)
    for number in numbers:
        shown.hear(number)
    assert shown.view is not None
    return shown.view


orders = st.lists(st.integers(0, len(EVENTS) - 1), min_size=1, max_size=30)


@given(numbers=orders, random=st.randoms(use_true_random=False))
def test_neither_order_nor_repeats_can_be_seen_in_a_view(numbers: list[int], random: Any) -> None:
    shuffled = [*numbers, *numbers[: len(numbers) // 2]]
    random.shuffle(shuffled)
    assert _hear(*shuffled) == _hear(*numbers)


@given(numbers=orders, random=st.randoms(use_true_random=False))
def test_a_full_view_keeps_the_newest_and_counts_the_rest_in_every_order(
    numbers: list[int], random: Any
) -> None:
    whole = _hear(*numbers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "TIMELINE_MAX_ENTRIES", 3)
        patch.setattr(core, "PAYMENTS_MAX", 1)
        shuffled = [*numbers, *numbers]
        random.shuffle(shuffled)
        shown = Shown()
        for number in shuffled:
            shown.hear(number)
    view = shown.view
    assert view is not None
    assert view.timeline == whole.timeline[-3:]
    assert set(shown.entries.values()) == set(whole.timeline[:-3])
    assert view.older_entries == len(whole.timeline[:-3])
    newest = sorted(whole.payments, key=lambda payment: (payment.at or NOON, payment.payment_id))
    assert list(view.payments) == newest[-1:]
    assert {**shown.payments, **{one.payment_id: one for one in view.payments}} == {
        one.payment_id: one for one in whole.payments
    }, "what has left the view is as true as what is in it"
    assert view.older_payments == len(newest[:-1])
    parts = {"timeline": (), "payments": (), "older_entries": 0, "older_payments": 0}
    assert replace(view, **parts) == replace(whole, **parts)  # type: ignore[arg-type] # a plain dict


def test_a_view_of_version_0_1_0_is_brought_within_the_bounds() -> None:
    document = _hear(0, 1, 7, 8).to_document()
    for name in ("older_payments", "older_entries", "cancel_requested"):
        del document[name]
    for payment in document["payments"]:
        del payment["at"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "TIMELINE_MAX_ENTRIES", 2)
        patch.setattr(core, "PAYMENTS_MAX", 1)
        view = _hear(9, view=View.from_document(document))
    assert [entry.event_id for entry in view.timeline] == ["e8", "e9"]
    assert (view.older_entries, view.older_payments) == (3, 1)
    assert view.cancel_requested
    assert view.to_json()["olderPayments"] == 1
    assert view.to_json()["olderEntries"] == 3


@given(numbers=orders)
def test_a_document_is_the_same_view_and_stays_so(numbers: list[int]) -> None:
    view = _hear(*numbers)
    assert View.from_document(view.to_document()) == view
    assert _hear(0, view=View.from_document(view.to_document())) == _hear(0, view=view)


def test_a_time_that_the_database_gave_without_an_offset_is_utc() -> None:
    document = _hear(0).to_document()
    document["timeline"][0]["time"] = document["timeline"][0]["time"].replace(tzinfo=None)
    assert View.from_document(document) == _hear(0)


def test_times_are_kept_to_the_millisecond_as_the_database_does() -> None:
    time = NOON + timedelta(microseconds=1_999)
    view = project(None, INTENT, event_id="e", time=time, trace_id=None, archived=Archived()).view
    assert view.timeline[0].time == NOON + timedelta(milliseconds=1)


def test_a_payment_that_came_first_shows_as_such_until_the_intent_is_known() -> None:
    paid = _hear(7)
    assert paid.to_json()["status"] == "payment_received_first"
    assert paid.to_json()["amount"] is None
    assert _hear(0, view=paid).to_json()["status"] == "pending"


def test_a_later_event_alone_tells_of_its_payment() -> None:
    view = _hear(10)
    payment: dict[str, Any] = {
        "paymentId": "p2",
        "status": "refund_pending",
        "amount": None,
        "currency": None,
    }
    payment |= {"refunded": 0, "disputed": 0, "chargedBack": 0}
    assert view.to_json()["payments"] == [payment]


def test_json_of_a_booking_that_was_cancelled() -> None:
    trace = "t" * 32
    assert _hear(0, 7, 4, 6).to_json() == {
        "intentId": "i1",
        "status": "cancelled",
        "reason": "cancelled",
        "amount": 100,
        "currency": "USD",
        "slot": {
            "resourceId": "r",
            "startsAt": "2026-01-31T12:00:00Z",
            "endsAt": "2026-01-31T12:15:00Z",
        },
        "payments": [
            {
                "paymentId": "p1",
                "status": "refund_pending",
                "amount": 100,
                "currency": "USD",
                "refunded": 0,
                "disputed": 0,
                "chargedBack": 0,
            }
        ],
        "timeline": [
            {
                "id": "e0",
                "type": "booking.intent.created",
                "time": "2026-01-31T12:00:00Z",
                "traceId": trace,
            },
            {
                "id": "e4",
                "type": "booking.confirmed",
                "time": "2026-01-31T12:00:00.002000Z",
                "traceId": trace,
                "paymentId": "p1",
            },
            {
                "id": "e6",
                "type": "booking.cancelled",
                "time": "2026-01-31T12:00:00.003000Z",
                "traceId": trace,
                "paymentId": "p1",
                "reason": "cancelled",
            },
            {
                "id": "e7",
                "type": "payment.captured",
                "time": "2026-01-31T12:00:00.003000Z",
                "traceId": trace,
                "paymentId": "p1",
            },
        ],
    }
