"""A batch of inputs decided in one transaction: read what they touch, decide each, write once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.events import BookingIntentCreated, BookingUserForgotten, Event
from postbox.events import Message
from postbox.inbox import Decided
from postbox.mongo import Database, DatabaseClock, Document, Session, States, is_retried
from postbox.telemetry import current_trace, link_to, under
from services.booking.rules.core import Decision, Input, OfPayment, decide
from services.booking.rules.state import FINAL, Booking
from services.booking.rules.table import Deadline, Outcome, SlotChange
from services.booking.slots import Slots

Heard = Input | BookingUserForgotten


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long a booking waits, in milliseconds of the database's clock."""

    payment_ms: int
    intent_ms: int


@dataclass(frozen=True, slots=True)
class Judged(Decided):
    """A decision, with the final state that it led to and how long the saga took until then."""

    state: str | None = None
    age_s: float = 0.0


class Work:
    """The rows that a batch touches; each decision sees what earlier ones did.

    `refused` has a row `{_id: "<intentId>/<paymentId>"}` for each payment that a booking rejected.
    It is not read for a booking that says `has_refused: false`; one of an earlier version says
    nothing.
    """

    def __init__(
        self, bookings: States, refused: States, slots: Slots, timeouts: Timeouts, now: datetime
    ) -> None:
        self._bookings = bookings
        self._refused = refused
        self._slots = slots
        self._timeouts = timeouts
        self._now = now

    @classmethod
    async def read(
        cls,
        session: Session,
        database: Database,
        inputs: Sequence[Heard],
        timeouts: Timeouts,
        now: datetime,
    ) -> "Work":
        ids = {one.intent_id for one in inputs}
        bookings = await States.read(session, database["bookings"], ids, absent=_new(inputs))
        keys = {_payment_key(one) for one in inputs}
        none = {
            _payment_key(one)
            for one in inputs
            if (bookings.get(one.intent_id) or {}).get("has_refused") is False
        }
        refused = await States.read(session, database["refused_payments"], keys, absent=none)
        # Both the slots that are asked for and those that may be freed, in one query.
        wanted = [one.slot for one in inputs if isinstance(one, BookingIntentCreated) and one.slot]
        held = [
            booking.slot
            for one in inputs
            if (booking := _booking(bookings, one.intent_id)) and booking.slot
        ]
        slots = await Slots.read(session, database["slots"], [*wanted, *held])
        return cls(bookings, refused, slots, timeouts, now)

    def decide(self, one: Input) -> "Judged":
        """Decide one input, and keep what follows for the ones after it."""
        known = self._bookings.get(one.intent_id)
        before = None if known is None else Booking.from_document(known)
        if known is not None:
            # The provider's webhook may begin a trace of its own: join the two.
            link_to(known.get("traceparent"))
        slot = one.slot if isinstance(one, BookingIntentCreated) else None
        decision = decide(
            before,
            one,
            slot_free=self._slots.is_free(slot, one.intent_id),
            refused_before=self._is_refused(one, known),
        )
        if decision.refused is not None:
            row = {"intent_id": one.intent_id, "payment_id": decision.refused}
            self._refused.put(f"{one.intent_id}/{decision.refused}", row)
        if decision.state is not None and (decision.state is not before or decision.refused):
            self._put(decision.state, decision.deadline, refuses=decision.refused is not None)
            if decision.state.slot is not None:
                if decision.slot is SlotChange.TAKE:
                    self._slots.take(decision.state.slot, one.intent_id)
                elif decision.slot is SlotChange.FREE:
                    self._slots.free(decision.state.slot, one.intent_id)
        return self._judged(decision, known)

    def forget(self, one: BookingUserForgotten) -> "Judged":
        """Who booked and who paid; of a booking that is not final they are still compared."""
        known = self._bookings.get(one.intent_id)
        if known is None or known["state"] not in FINAL:
            return Judged(Outcome.NOOP.value)
        payment = known["payment"] and {**known["payment"], "user_id": one.alias}
        self._bookings.put(one.intent_id, {**known, "user_id": one.alias, "payment": payment})
        return Judged("forget")

    def _is_refused(self, one: Input, known: Document | None) -> bool:
        """Version 0.1.0 listed refused payments in the booking; such a list still counts."""
        if not isinstance(one, OfPayment):
            return False
        listed = (known or {}).get("refused", ())
        return self._refused.get(_payment_key(one)) is not None or one.payment_id in listed

    def _judged(self, decision: Decision, known: Document | None) -> "Judged":
        is_end = decision.outcome in (Outcome.CONFIRM, Outcome.FAIL, Outcome.CANCEL)
        began_at = (known or {}).get("began_at") or self._now
        return Judged(
            decision.outcome.value,
            decision.events,
            state=decision.state.state.value if is_end and decision.state else None,
            age_s=max(0.0, (self._now - began_at).total_seconds()),
        )

    def _put(self, booking: Booking, deadline: Deadline | None, *, refuses: bool) -> None:
        before = self._bookings.get(booking.intent_id) or {"has_refused": False}
        due_in_ms = {
            None: None,
            Deadline.CLEAR: {},
            Deadline.PAYMENT: {"deadline_at": self._timeouts.payment_ms},
            Deadline.INTENT: {"deadline_at": self._timeouts.intent_ms},
        }[deadline]
        if due_in_ms:
            booking = replace(booking, deadline_traceparent=current_trace()["traceparent"])
        # What the rules do not look at: when it began, the trace that it began in, an older list.
        document = {
            **booking.to_document(),
            "traceparent": before.get("traceparent") or current_trace()["traceparent"],
            "began_at": before.get("began_at") or self._now,
        }
        if "refused" in before:
            document["refused"] = before["refused"]
        if refuses or "has_refused" in before:
            document["has_refused"] = refuses or before["has_refused"]
        self._bookings.put(booking.intent_id, document, due_in_ms=due_in_ms)

    async def write(self, session: Session) -> None:
        await self._bookings.write(session)
        await self._refused.write(session)
        await self._slots.write(session)


class Handle:
    """The consumer's handler: a batch of events becomes decisions, states and slots."""

    def __init__(self, database: Database, clock: DatabaseClock, timeouts: Timeouts) -> None:
        self._database = database
        self._clock = clock
        self._timeouts = timeouts

    async def __call__(self, session: Session, messages: Sequence[Message[Event]]) -> list[Judged]:
        inputs = [_input(message.fact) for message in messages]
        now = self._clock.now()
        work = await Work.read(session, self._database, inputs, self._timeouts, now)
        decided = []
        for message, one in zip(messages, inputs, strict=True):
            with under(message.context):
                if isinstance(one, BookingUserForgotten):
                    decided.append(work.forget(one))
                else:
                    decided.append(work.decide(one))
        await work.write(session)
        return decided


def _input(fact: Event) -> Heard:
    assert isinstance(fact, Heard), f"{fact.TYPE} is not bound to the booking service's queue"
    return fact


def _new(inputs: Sequence[Heard]) -> set[str]:
    """The bookings that these inputs begin, as far as one can tell without reading them."""
    if is_retried():
        return set()
    counts = Counter(one.intent_id for one in inputs)
    begin = (one.intent_id for one in inputs if isinstance(one, BookingIntentCreated))
    return {intent_id for intent_id in begin if counts[intent_id] == 1}


def _payment_key(one: Heard) -> str | None:
    return f"{one.intent_id}/{one.payment_id}" if isinstance(one, OfPayment) else None


def _booking(bookings: States, intent_id: str) -> Booking | None:
    document = bookings.get(intent_id)
    return None if document is None else Booking.from_document(document)
