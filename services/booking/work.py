"""A batch of inputs decided in one transaction: read what they touch, decide each, write once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.events import BookingIntentCreated, Event
from postbox.apply import Decided
from postbox.database import Database
from postbox.delivery import Message
from postbox.states import States
from postbox.tracing import current_trace, under
from postbox.transaction import Session
from services.booking.core import Decision, Input, decide
from services.booking.slots import Slots
from services.booking.state import Booking
from services.booking.table import Deadline, SlotChange


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long a booking waits, in milliseconds of the database's clock."""

    payment_ms: int
    intent_ms: int


class Work:
    """The bookings and slots that a batch touches; each decision sees what earlier ones did."""

    def __init__(self, bookings: States, slots: Slots, timeouts: Timeouts) -> None:
        self._bookings = bookings
        self._slots = slots
        self._timeouts = timeouts

    @classmethod
    async def read(
        cls,
        session: Session,
        database: Database,
        inputs: Sequence[Input],
        timeouts: Timeouts,
    ) -> "Work":
        bookings = await States.read(
            session, database["bookings"], {one.intent_id for one in inputs}
        )
        # Both the slots that are asked for and those that may be freed, in one query.
        wanted = [one.slot for one in inputs if isinstance(one, BookingIntentCreated) and one.slot]
        held = [
            booking.slot
            for one in inputs
            if (booking := _booking(bookings, one.intent_id)) and booking.slot
        ]
        slots = await Slots.read(session, database["slots"], [*wanted, *held])
        return cls(bookings, slots, timeouts)

    def decide(self, one: Input) -> Decision:
        """Decide one input, and keep what follows for the ones after it."""
        before = _booking(self._bookings, one.intent_id)
        slot = one.slot if isinstance(one, BookingIntentCreated) else None
        decision = decide(before, one, slot_free=self._slots.is_free(slot, one.intent_id))
        if decision.state is not None and decision.state is not before:
            self._put(decision.state, decision.deadline)
            if decision.state.slot is not None:
                if decision.slot is SlotChange.TAKE:
                    self._slots.take(decision.state.slot, one.intent_id)
                elif decision.slot is SlotChange.FREE:
                    self._slots.free(decision.state.slot, one.intent_id)
        return decision

    def _put(self, booking: Booking, deadline: Deadline | None) -> None:
        due_in_ms = {
            None: None,
            Deadline.CLEAR: {},
            Deadline.PAYMENT: {"deadline_at": self._timeouts.payment_ms},
            Deadline.INTENT: {"deadline_at": self._timeouts.intent_ms},
        }[deadline]
        if due_in_ms:
            booking = replace(booking, deadline_traceparent=current_trace()["traceparent"])
        self._bookings.put(booking.intent_id, booking.to_document(), due_in_ms=due_in_ms)

    async def write(self, session: Session) -> None:
        await self._bookings.write(session)
        await self._slots.write(session)


class Handle:
    """The consumer's handler: a batch of events becomes decisions, states and slots."""

    def __init__(self, database: Database, timeouts: Timeouts) -> None:
        self._database = database
        self._timeouts = timeouts

    async def __call__(self, session: Session, messages: Sequence[Message[Event]]) -> list[Decided]:
        inputs = [_input(message.fact) for message in messages]
        work = await Work.read(session, self._database, inputs, self._timeouts)
        decided = []
        for message, one in zip(messages, inputs, strict=True):
            with under(message.context):
                decision = work.decide(one)
            decided.append(Decided(decision.outcome.value, decision.events))
        await work.write(session)
        return decided


def _input(fact: Event) -> Input:
    assert isinstance(fact, Input), f"{fact.TYPE} is not bound to the booking service's queue"
    return fact


def _booking(bookings: States, intent_id: str) -> Booking | None:
    document = bookings.get(intent_id)
    return None if document is None else Booking.from_document(document)
