"""I3, I5, I6 and the read model: states and their events, slots, finality, and what is shown."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from scenarios.checker.snapshot import OutboxRow, Snapshot, quanta_of
from scenarios.clients.connections import Document

DEADLINE_SLACK: Final = timedelta(seconds=5)
LIVE: Final = ("pending", "confirmed")
WAITING: Final = ("pending", "payment_received_first")
# Which of the events that end a booking have, may have, or must not have been emitted.
ENDS: Final = ("booking.confirmed", "booking.failed", "booking.cancelled")
ENDS_OF: Final[Mapping[str, tuple[frozenset[str], ...]]] = {
    "pending": (frozenset(),),
    "payment_received_first": (frozenset(),),
    "confirmed": (frozenset({"booking.confirmed"}),),
    "failed": (frozenset({"booking.failed"}),),
    "cancelled": (
        frozenset({"booking.cancelled"}),
        frozenset({"booking.confirmed", "booking.cancelled"}),
    ),
}
# Of a refund or dispute in this status: the event that says so, and what may have come before it.
EVENTS_OF: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "pending": ("payment.refund.pending", ()),
    "succeeded": ("payment.refunded", ("payment.refund.pending",)),
    "failed": ("payment.refund.failed", ("payment.refund.pending", "payment.refunded")),
    "open": ("payment.disputed", ()),
    "won": ("payment.dispute.closed", ("payment.disputed",)),
    "lost": ("payment.charged_back", ("payment.disputed",)),
}
AT_REST: Final = (
    "captured",
    "settled",
    "partially_refunded",
    "disputed",
    "refunded",
    "charged_back",
)
REFUSALS: Final = ("booking.failed", "booking.cancelled", "booking.payment.rejected")


def state_and_event_together(snapshot: Snapshot) -> Iterator[str]:
    """I3. Each state has the events that lead to it, and each event the state."""
    created = {row.intent_id for row in snapshot.outbox if row.type == "booking.intent.created"}
    for intent_id in snapshot.intents ^ created:
        yield f"{intent_id}: of the intent and its booking.intent.created, one is missing"
    rows = snapshot.events_of("booking")
    for intent_id in rows.keys() | snapshot.bookings.keys():
        booking = snapshot.bookings.get(intent_id)
        if booking is None:
            emitted = ", ".join(row.type for row in rows[intent_id])
            yield f"{intent_id} has {emitted}, but there is no such booking"
        else:
            refused = snapshot.refused.get(intent_id, set()) | _refused_with(booking)
            yield from _booking_and_events(intent_id, booking, refused, rows.get(intent_id, []))
    yield from _payments_and_events(snapshot)


def _booking_and_events(
    intent_id: str, booking: Document, refused: set[str], rows: list[OutboxRow]
) -> Iterator[str]:
    ends = frozenset(row.type for row in rows if row.type in ENDS)
    if ends not in ENDS_OF[booking["state"]]:
        emitted = ", ".join(sorted(ends)) or "nothing of the kind"
        yield f"{intent_id} is {booking['state']}, but emitted {emitted}"
    named = {row.payment_id for row in rows if row.type in REFUSALS and row.payment_id}
    for payment_id in named ^ refused:
        yield f"{intent_id}: refused {payment_id} in its state or in an event, not in both"


def _refused_with(booking: Document) -> set[str]:
    """The payment that a booking held when it came to nothing, and those of an older list."""
    listed = set(booking.get("refused", ()))
    if booking["payment"] and booking["state"] in ("failed", "cancelled"):
        listed.add(booking["payment"]["payment_id"])
    return listed


def _payments_and_events(snapshot: Snapshot) -> Iterator[str]:
    emitted = {
        (row.type, str(row.moves_id or row.payment_id))
        for row in snapshot.outbox
        if row.service == "payment" and row.type != "payment.failed"
    }
    stored = set()
    for payment_id, payment in snapshot.payments.items():
        stored.add(("payment.captured", payment_id))
        if payment["stuck"]:
            stored.add(("payment.refund.stuck", payment_id))
    passed: set[tuple[str, str]] = set()  # what may have been emitted on the way
    for rows in (snapshot.known_refunds, snapshot.known_disputes):
        for id_, row in rows.items():
            (stored_as, passed_by) = EVENTS_OF[row["status"]]
            stored.add((stored_as, id_))
            passed |= {(event_type, id_) for event_type in passed_by}
    for event_type, id_ in (stored - emitted) | (emitted - stored - passed):
        yield f"{id_}: of its state and {event_type}, one is missing"
    failed = {row.intent_id for row in snapshot.outbox if row.type == "payment.failed"}
    given_up = {
        capture["intent_id"]
        for capture in snapshot.captures.values()
        if capture["state"] in ("declined", "dropped")
    }
    for intent_id in failed ^ given_up:
        yield f"{intent_id}: of its capture's state and payment.failed, one is missing"


def no_slot_sold_twice(snapshot: Snapshot) -> Iterator[str]:
    """I5. No two live bookings want one quarter-hour, and each holds exactly those it wants."""
    holders: dict[str, str] = {}
    for intent_id, booking in (*snapshot.bookings.items(), *snapshot.rivals.items()):
        for quantum in quanta_of(booking) if booking["state"] in LIVE else ():
            other = holders.setdefault(quantum, intent_id)
            if other != intent_id:
                yield f"{quantum} is sold to {other} and to {intent_id}"
            if snapshot.slots.get(quantum) != intent_id and intent_id in snapshot.bookings:
                holder = snapshot.slots.get(quantum, "nobody")
                yield f"{intent_id} is {booking['state']}, but {quantum} is held by {holder}"
    for quantum, intent_id in snapshot.slots.items():
        if quantum not in holders:
            yield f"{quantum} is held by {intent_id}, which has no claim to it"


def every_saga_final(snapshot: Snapshot) -> Iterator[str]:
    """I6. Every booking is final, or waits with its deadline still ahead; so is its money."""
    for intent_id in snapshot.intents - snapshot.bookings.keys():
        yield f"{intent_id} was accepted, but the booking service has no such booking"
    for intent_id, booking in snapshot.bookings.items():
        if booking["state"] in WAITING:
            deadline = booking["deadline_at"]
            if deadline is None or deadline + DEADLINE_SLACK < snapshot.now:
                yield f"{intent_id} is still {booking['state']}; its deadline was {deadline}"
    for payment_id, payment in snapshot.payments.items():
        money = payment["money"]
        waits = money["refund_pending"] or money["disputed"]  # for the provider or the bank
        if payment["state"] not in AT_REST and not waits:
            yield f"the payment {payment_id} is still {payment['state']}"
        if payment["verdict"] == "unjudged":
            judging = snapshot.bookings.get(payment["intent_id"])
            if judging is None or judging["state"] not in WAITING:
                yield f"the payment {payment_id} was captured and never judged"
    for capture_id, capture in snapshot.captures.items():
        if capture["state"] == "requested":
            yield f"the capture {capture_id} of {capture['intent_id']} has no answer yet"


def read_model_is_true(snapshot: Snapshot) -> Iterator[str]:
    """What the gateway shows is what the booking and the payment service know."""
    payments: dict[str, dict[str, str]] = {}
    for payment_id, payment in snapshot.payments.items():
        payments.setdefault(payment["intent_id"], {})[payment_id] = payment["state"]
    timelines: dict[str, set[str]] = {}
    for row in snapshot.outbox:
        timelines.setdefault(row.intent_id, set()).add(row.id)
    for intent_id in timelines.keys() - snapshot.views.keys():
        yield f"{intent_id} has events, but the gateway does not show it"
    for intent_id, view in snapshot.views.items():
        booking = snapshot.bookings.get(intent_id)
        true = (booking["state"], booking["reason"]) if booking else None
        if (view["status"], view["reason"]) != true:
            yield f"{intent_id} is shown as {view['status']} ({view['reason']}), but it is {true}"
        shown = {payment["payment_id"]: payment["status"] for payment in view["payments"]}
        known = payments.get(intent_id, {})
        count = len(shown) + view.get("older_payments", 0)
        if not shown.items() <= known.items() or count != len(known):
            yield f"{intent_id} is shown with {shown} of {count} payments, but it has {known}"
        listed = {entry["event_id"] for entry in view["timeline"]}
        emitted = timelines.get(intent_id, set())
        count = len(listed) + view.get("older_entries", 0)
        if not listed <= emitted or count != len(emitted):
            yield f"{intent_id}: the timeline is of {count} events, and they are not its own"
