"""The checker can fail: each way to corrupt a real system's data turns its invariant red.

Goal: no invariant holds merely because nobody looks. Method: take what was read of the system after
all stories, corrupt a copy of it in one place, and judge it; at last, corrupt the real database.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scenarios.checker import INVARIANTS, OutboxRow, Snapshot, check, judge
from scenarios.clients.broker import DeadLetter
from scenarios.clients.connections import Document, connect
from tests.scenarios.conftest import Played

# The first test of all pays for the playing of every story.
pytestmark = pytest.mark.timeout(300)

Corruption = Callable[[Snapshot], Snapshot]
CORRUPTIONS: list[tuple[str, Corruption]] = []


def breaks(invariant: str) -> Callable[[Corruption], Corruption]:
    """Registers a corruption that must turn this invariant red."""

    def register(corruption: Corruption) -> Corruption:
        CORRUPTIONS.append((invariant, corruption))
        return corruption

    return register


def the(rows: Mapping[str, Document], **wanted: Any) -> str:
    """The id of the first row with these values."""
    return next(
        key for key, row in rows.items() if all(row[name] == wanted[name] for name in wanted)
    )


def with_row(rows: Mapping[str, Document], key: str, **changes: Any) -> dict[str, Document]:
    return {**rows, key: {**rows[key], **changes}}


def without(rows: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: row for name, row in rows.items() if name != key}


def event(snapshot: Snapshot, event_type: str) -> OutboxRow:
    return next(row for row in snapshot.outbox if row.type == event_type)


def without_event(snapshot: Snapshot, event_type: str) -> Snapshot:
    lost = event(snapshot, event_type)
    return replace(snapshot, outbox=tuple(row for row in snapshot.outbox if row is not lost))


def with_event(snapshot: Snapshot, event_type: str, **changes: Any) -> Snapshot:
    """One such event is another."""
    old = event(snapshot, event_type)
    others = tuple(row for row in snapshot.outbox if row is not old)
    return replace(snapshot, outbox=(*others, replace(old, **changes)))


@breaks("I1")
def an_inbox_row_is_gone(snapshot: Snapshot) -> Snapshot:
    lost = f"payment.events/{event(snapshot, 'booking.confirmed').id}"
    return replace(snapshot, inbox=snapshot.inbox - {lost})


@breaks("I1")
def an_event_is_parked(snapshot: Snapshot) -> Snapshot:
    return with_event(snapshot, "payment.captured", state="parked")


@breaks("I1")
def a_message_is_left_in_a_queue(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, waiting={**snapshot.waiting, "gateway.events": 1})


@breaks("I1")
def an_event_was_wanted_by_nobody(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, waiting={**snapshot.waiting, "events.unrouted": 1})


@breaks("I2")
def a_booking_is_confirmed_twice(snapshot: Snapshot) -> Snapshot:
    again = replace(event(snapshot, "booking.confirmed"), id="another")
    return replace(snapshot, outbox=(*snapshot.outbox, again))


@breaks("I2")
def a_payment_is_captured_twice(snapshot: Snapshot) -> Snapshot:
    again = replace(event(snapshot, "payment.captured"), id="another")
    return replace(snapshot, outbox=(*snapshot.outbox, again))


@breaks("I2")
def the_provider_refunded_twice(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, refunds=(*snapshot.refunds, snapshot.refunds[0]))


@breaks("I2")
def a_refund_has_another_key(snapshot: Snapshot) -> Snapshot:
    refund = {**snapshot.refunds[0], "idempotencyKey": "refund:again"}
    return replace(snapshot, refunds=(refund, *snapshot.refunds[1:]))


@breaks("I3")
def a_confirmation_was_never_written(snapshot: Snapshot) -> Snapshot:
    """Of a booking that is confirmed to the end: a cancelled one may never have been."""
    lost = next(
        row
        for row in snapshot.outbox
        if row.type == "booking.confirmed"
        and snapshot.bookings[row.intent_id]["state"] == "confirmed"
    )
    return replace(snapshot, outbox=tuple(row for row in snapshot.outbox if row is not lost))


@breaks("I3")
def a_wish_was_never_reported(snapshot: Snapshot) -> Snapshot:
    return without_event(snapshot, "booking.intent.created")


@breaks("I3")
def a_refund_was_never_reported(snapshot: Snapshot) -> Snapshot:
    return without_event(snapshot, "payment.refunded")


@breaks("I3")
def a_rejection_was_never_reported(snapshot: Snapshot) -> Snapshot:
    return without_event(snapshot, "booking.payment.rejected")


@breaks("I3")
def a_decline_was_never_reported(snapshot: Snapshot) -> Snapshot:
    return without_event(snapshot, "payment.failed")


@breaks("I3")
def an_event_came_without_its_state(snapshot: Snapshot) -> Snapshot:
    gone = the(snapshot.bookings, state="confirmed")
    return replace(snapshot, bookings=without(snapshot.bookings, gone))


@breaks("I3")
def a_state_changed_without_an_event(snapshot: Snapshot) -> Snapshot:
    changed = the(snapshot.bookings, state="confirmed")
    return replace(snapshot, bookings=with_row(snapshot.bookings, changed, state="failed"))


@breaks("I3")
def a_payment_was_never_recorded(snapshot: Snapshot) -> Snapshot:
    gone = the(snapshot.payments, state="settled")
    return replace(snapshot, payments=without(snapshot.payments, gone))


@breaks("I4")
def a_refund_was_too_small(snapshot: Snapshot) -> Snapshot:
    refund = {**snapshot.refunds[0], "amount": snapshot.refunds[0]["amount"] - 1}
    return replace(snapshot, refunds=(refund, *snapshot.refunds[1:]))


@breaks("I4")
def a_refund_was_in_another_currency(snapshot: Snapshot) -> Snapshot:
    refund = {**snapshot.refunds[0], "currency": "EUR"}
    return replace(snapshot, refunds=(refund, *snapshot.refunds[1:]))


@breaks("I4")
def a_refund_never_happened(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, refunds=snapshot.refunds[1:])


@breaks("I4")
def a_customer_was_charged_for_nothing(snapshot: Snapshot) -> Snapshot:
    charge = {**snapshot.charges[0], "paymentId": "unknown", "intentId": "unknown"}
    return replace(snapshot, charges=(*snapshot.charges, charge))


@breaks("I4")
def a_booking_was_given_away(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, charges=snapshot.charges[1:])


@breaks("I4")
def a_payment_that_pays_was_not_settled(snapshot: Snapshot) -> Snapshot:
    payment = the(snapshot.payments, state="settled")
    return replace(snapshot, payments=with_row(snapshot.payments, payment, verdict="unjudged"))


def moved(rows: tuple[Document, ...], was: str, **changes: Any) -> tuple[Document, ...]:
    """The first refund or dispute in this status is another."""
    old = next(row for row in rows if row["status"] == was)
    return tuple({**row, **changes} if row is old else row for row in rows)


@breaks("I4")
def a_lost_dispute_was_never_heard_of(snapshot: Snapshot) -> Snapshot:
    lost = the(snapshot.known_disputes, status="lost")
    return replace(snapshot, known_disputes=without(snapshot.known_disputes, lost))


@breaks("I4")
def a_booking_stands_on_money_that_was_charged_back(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, disputes=moved(snapshot.disputes, "won", status="lost"))


@breaks("I4")
def a_refund_that_failed_was_not_made_again(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, refunds=moved(snapshot.refunds, "succeeded", status="failed"))


@breaks("I3")
def a_chargeback_was_never_reported(snapshot: Snapshot) -> Snapshot:
    return without_event(snapshot, "payment.charged_back")


@breaks("I2")
def a_dispute_was_reported_twice(snapshot: Snapshot) -> Snapshot:
    again = replace(event(snapshot, "payment.disputed"), id="another")
    return replace(snapshot, outbox=(*snapshot.outbox, again))


@breaks("I5")
def a_slot_is_held_by_another(snapshot: Snapshot) -> Snapshot:
    [quantum, *_] = snapshot.slots
    return replace(snapshot, slots={**snapshot.slots, quantum: "another"})


@breaks("I5")
def a_slot_is_not_held(snapshot: Snapshot) -> Snapshot:
    [quantum, *_] = snapshot.slots
    return replace(snapshot, slots=without(snapshot.slots, quantum))


@breaks("I5")
def a_slot_was_never_freed(snapshot: Snapshot) -> Snapshot:
    failed = the(snapshot.bookings, state="failed")
    held = {"room/2026-01-01T00:00:00Z": failed}
    return replace(snapshot, slots={**snapshot.slots, **held})


@breaks("I5")
def a_slot_was_sold_twice(snapshot: Snapshot) -> Snapshot:
    loser = the(snapshot.bookings, state="failed", reason="slot_unavailable")
    return replace(snapshot, bookings=with_row(snapshot.bookings, loser, state="confirmed"))


@breaks("I5")
def a_slot_was_sold_to_a_booking_out_of_scope(snapshot: Snapshot) -> Snapshot:
    holder = snapshot.bookings[next(iter(snapshot.slots.values()))]
    return replace(snapshot, rivals={"rival": {**holder, "_id": "rival"}})


@breaks("I6")
def a_booking_waits_beyond_its_deadline(snapshot: Snapshot) -> Snapshot:
    booking = the(snapshot.bookings, state="failed", reason="payment_timeout")
    past = snapshot.now - timedelta(minutes=1)
    changes = {"state": "pending", "deadline_at": past}
    return replace(snapshot, bookings=with_row(snapshot.bookings, booking, **changes))


@breaks("I6")
def a_booking_waits_without_a_deadline(snapshot: Snapshot) -> Snapshot:
    booking = the(snapshot.bookings, state="failed", reason="payment_timeout")
    return replace(snapshot, bookings=with_row(snapshot.bookings, booking, state="pending"))


@breaks("I6")
def a_refund_is_still_owed(snapshot: Snapshot) -> Snapshot:
    payment = the(snapshot.payments, state="refunded")
    changed = with_row(snapshot.payments, payment, state="refund_pending")
    return replace(snapshot, payments=changed)


@breaks("I6")
def a_payment_was_never_judged(snapshot: Snapshot) -> Snapshot:
    payment = the(snapshot.payments, state="refunded")
    return replace(snapshot, payments=with_row(snapshot.payments, payment, verdict="unjudged"))


@breaks("I6")
def a_capture_has_no_answer(snapshot: Snapshot) -> Snapshot:
    capture = the(snapshot.captures, state="captured")
    return replace(snapshot, captures=with_row(snapshot.captures, capture, state="requested"))


@breaks("I6")
def a_wish_was_never_heard_of(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, intents=snapshot.intents | {"unheard"})


@breaks("I7")
def an_event_is_left_behind(snapshot: Snapshot) -> Snapshot:
    return with_event(snapshot, "payment.captured", state="pending")


def _letter(event_id: str) -> DeadLetter:
    return DeadLetter(queue="booking.events", event_id=event_id, reason="bug", intent_id=None)


@breaks("I8")
def an_innocent_message_is_set_aside(snapshot: Snapshot) -> Snapshot:
    letter = _letter(event(snapshot, "payment.captured").id)
    return replace(snapshot, dead_letters=(letter,))


@breaks("I8")
def poison_was_swallowed(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, injected_poison=frozenset({"poison"}))


@breaks("read model")
def a_booking_is_shown_as_another(snapshot: Snapshot) -> Snapshot:
    view = the(snapshot.views, status="confirmed")
    return replace(snapshot, views=with_row(snapshot.views, view, status="pending"))


@breaks("read model")
def a_payment_is_shown_as_another(snapshot: Snapshot) -> Snapshot:
    view = the(snapshot.views, status="confirmed")
    return replace(snapshot, views=with_row(snapshot.views, view, payments=[]))


@breaks("read model")
def a_booking_is_not_shown(snapshot: Snapshot) -> Snapshot:
    view = the(snapshot.views, status="confirmed")
    return replace(snapshot, views=without(snapshot.views, view))


@breaks("read model")
def a_timeline_lacks_an_event(snapshot: Snapshot) -> Snapshot:
    view = the(snapshot.views, status="confirmed")
    timeline = snapshot.views[view]["timeline"][1:]
    return replace(snapshot, views=with_row(snapshot.views, view, timeline=timeline))


def test_the_untouched_copy_is_sound(played: Played) -> None:
    assert not any(judge(played.snapshot).values())


@pytest.mark.parametrize(
    ("invariant", "corrupt"), CORRUPTIONS, ids=[one.__name__ for _, one in CORRUPTIONS]
)
def test_a_corruption_is_seen(played: Played, invariant: str, corrupt: Corruption) -> None:
    assert judge(corrupt(played.snapshot))[invariant]


def test_every_invariant_has_a_corruption() -> None:
    assert {invariant for invariant, _ in CORRUPTIONS} == set(INVARIANTS)


def test_injected_poison_is_expected(played: Played) -> None:
    poisoned = replace(
        played.snapshot,
        dead_letters=(_letter("poison"),),
        injected_poison=frozenset({"poison"}),
    )
    assert not any(judge(poisoned).values())


@pytest.mark.parametrize("scope", ["whole", "one intent"])
async def test_a_corrupted_database_is_seen(played: Played, scope: str) -> None:
    intent_id = the(played.snapshot.bookings, state="confirmed")
    intents = None if scope == "whole" else {intent_id}
    async with connect(played.stack.info) as connections:
        database = connections.mongo.booking
        row = await database.outbox.find_one_and_delete(
            {"subject": intent_id, "type": "booking.confirmed"}
        )
        assert row is not None
        try:
            report = await check(played.stack, intents, settle_s=0)
        finally:
            await database.outbox.insert_one(row)
        assert report.violations["I3"]
        assert intent_id in str(report)
        assert (await check(played.stack, intents)).ok
