"""A double of postbox in memory, for the tests of services that are built on it: no server, no I/O.

    postbox = MemoryPostbox(source="/services/shop")
    placed = postbox.event(Placed(order="o1"))
    outcomes = await postbox.feed([placed, placed], decode=decode, handler=handle)
    assert outcomes == ["count", "duplicate"]
    assert [event.type for event in postbox.events] == ["order.counted"]

It keeps the promise that handlers rely on: an event is applied once however often it is fed, in
whatever batches and order; and what a handler emits exists if and only if the handler returned.
Give the handler a store in memory where the service has collections.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from postbox.events import Event, Fact, Message, context_of_event, new_id
from postbox.inbox import DUPLICATE, Handler
from postbox.outbox import outbox_row
from postbox.telemetry import current_trace, under

T = TypeVar("T")


class MemoryPostbox:
    """An outbox and an inbox. `events` is what was emitted, oldest first."""

    def __init__(self, *, source: str = "/services/test") -> None:
        self._source = source
        self._seen: set[str] = set()
        self.events: list[Event] = []

    def event(self, fact: Fact) -> Event:
        """`fact` in an envelope, under the current trace, as a consumer would hear it.

        EventTooLarge and InvalidPayload as from the real outbox.
        """
        row = outbox_row(fact, source=self._source)
        return Event(
            id=new_id(),
            type=row["type"],
            subject=row["subject"],
            source=row["source"],
            time=datetime.now(UTC),
            data=row["data"],
            **current_trace(),
        )

    async def add(self, session: object, *facts: Fact) -> tuple[str, ...]:
        """Emit `facts`; returns their event ids. `session` is for the signature's sake."""
        events = [self.event(fact) for fact in facts]
        self.events += events
        return tuple(event.id for event in events)

    async def feed(
        self,
        events: Sequence[Event],
        *,
        decode: Callable[[Event], T],
        handler: Handler[T],
        session: Any = None,
    ) -> list[str]:
        """Apply `events` as one batch; returns each one's outcome.

        What `handler` raises is raised, and nothing of the batch happened.
        """
        fresh: dict[str, Message[T]] = {}
        for event in events:
            if event.id not in self._seen and event.id not in fresh:
                fresh[event.id] = Message(event, decode(event), context_of_event(event))
        if not fresh:
            return [DUPLICATE] * len(events)
        before = len(self.events)
        try:
            outcomes = await self._apply(session, list(fresh.values()), handler)
        except BaseException:
            del self.events[before:]
            raise
        self._seen |= fresh.keys()
        return [outcomes.pop(event.id, DUPLICATE) for event in events]

    async def _apply(
        self, session: Any, messages: Sequence[Message[T]], handler: Handler[T]
    ) -> dict[str, str]:
        decisions = await handler(session, messages)
        for message, decided in zip(messages, decisions, strict=True):
            with under(message.context):
                await self.add(session, *decided.facts)
        return {
            message.event.id: decided.outcome
            for message, decided in zip(messages, decisions, strict=True)
        }
