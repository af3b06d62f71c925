"""A double of postbox in memory, for the tests of services that are built on it: no server, no I/O.

    postbox = MemoryPostbox(source="/services/shop")
    placed = postbox.event(Placed(order="o1"))
    outcomes = await postbox.feed([placed, placed], decode=decode, handler=handle)
    assert outcomes == ["count", "duplicate"]
    assert [event.type for event in postbox.events] == ["order.counted"]

    assert await postbox.deliver(shop, placed) == ["bill"]  # to the handlers of `@shop.on`

It keeps the promise that handlers rely on: an event is applied once however often it is fed, in
whatever batches and order; and what a handler emits exists if and only if the handler returned.
A handler may write to an outbox itself, such as its service's; where it has collections, give it a
store in memory. What is scheduled is emitted by `advance`, which moves the clock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from postbox.errors import InvalidMessage
from postbox.events import AnyFact, Event, Message, context_of_event, new_id
from postbox.inbox import DUPLICATE, EventHandlers, Handler
from postbox.mongo import Document
from postbox.outbox import MemorySession, event_of_row, outbox_row, sending
from postbox.telemetry import current_trace, under

T = TypeVar("T")


class HasHandlers(Protocol):
    """A `Service`, as far as its handlers of one event go, by their queues."""

    @property
    def handlers(self) -> Mapping[str, EventHandlers]: ...


class MemoryPostbox:
    """An outbox and an inbox. `events` is what was emitted, oldest first.

    `scheduled` is what waits for its time.
    """

    def __init__(self, *, source: str = "/services/test") -> None:
        self._source = source
        self._seen: dict[str, set[str]] = {}
        self._ahead = timedelta()
        self.events: list[Event] = []
        self.scheduled: list[tuple[datetime, Event]] = []

    @property
    def now(self) -> datetime:
        """The time, as much ahead as the clock was moved."""
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> list[Event]:
        """Move the clock; returns what is due by then and was emitted, in the order of its time."""
        self._ahead += by
        now = self.now
        self.scheduled.sort(key=lambda waiting: waiting[0])
        due = [event for at, event in self.scheduled if at <= now]
        self.scheduled = self.scheduled[len(due) :]
        self.events += due
        return due

    def event(self, fact: AnyFact, *, headers: Mapping[str, Any] | None = None) -> Event:
        """`fact` in an envelope, under the current trace, as a consumer would hear it.

        EventTooLarge and InvalidPayload as from the real outbox.
        """
        row = outbox_row(fact, source=self._source)
        sent = sending(headers=headers, deliver_at=None, routing_key=None, now=self.now)
        trace = current_trace()
        return Event(
            id=new_id(),
            type=row["type"],
            subject=row["subject"],
            source=row["source"],
            time=self.now,
            data=row["data"],
            traceparent=trace.get("traceparent"),
            tracestate=trace.get("tracestate"),
            headers=sent.get("headers", {}),
        )

    async def add(
        self,
        session: object,
        *facts: AnyFact,
        headers: Mapping[str, Any] | None = None,
        deliver_at: datetime | None = None,
        routing_key: str | None = None,
    ) -> tuple[str, ...]:
        """Emit `facts`, or schedule them; returns their event ids.

        `session` is for the signature's sake; a routing key is checked, and not kept.
        """
        sent = sending(
            headers=headers, deliver_at=deliver_at, routing_key=routing_key, now=self.now
        )
        events = [self.event(fact, headers=headers) for fact in facts]
        self._emit(events, sent.get("deliver_at"))
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

        What `handler` raises is raised, and nothing of the batch happened. Without a `session` it
        gets one that outboxes take.
        """
        return await self._feed(events, decode, handler, session, consumer="")

    async def deliver(self, service: HasHandlers, *events: Event, session: Any = None) -> list[str]:
        """Have the handlers of `@service.on` handle `events`, in one batch a queue.

        Returns the outcomes, queue by queue: a handler's name, or "duplicate". InvalidMessage for
        what would be a dead letter: data of another kind, or an event that no handler takes.
        Otherwise as `feed`.
        """
        queues = service.handlers
        for event in events:
            if not any(event.type in handlers.types for handlers in queues.values()):
                raise InvalidMessage(f"{event.type}: no handler takes it")
        outcomes: list[str] = []
        for queue, handlers in queues.items():
            batch = [event for event in events if event.type in handlers.types]
            outcomes += await self._feed(batch, handlers.decode, handlers, session, consumer=queue)
        return outcomes

    async def _feed(
        self,
        events: Sequence[Event],
        decode: Callable[[Event], T],
        handler: Handler[T],
        session: Any,
        *,
        consumer: str,
    ) -> list[str]:
        seen = self._seen.setdefault(consumer, set())
        fresh: dict[str, Message[T]] = {}
        for event in events:
            if event.id not in seen and event.id not in fresh:
                fresh[event.id] = Message(event, decode(event), context_of_event(event))
        if not fresh:
            return [DUPLICATE] * len(events)
        before, scheduled_before = len(self.events), list(self.scheduled)
        session = MemorySession() if session is None else session
        try:
            outcomes = await self._apply(session, list(fresh.values()), handler)
        except BaseException:
            del self.events[before:]
            self.scheduled = scheduled_before
            raise
        seen.update(fresh)
        return [outcomes.pop(event.id, DUPLICATE) for event in events]

    async def _apply(
        self, session: Any, messages: Sequence[Message[T]], handler: Handler[T]
    ) -> dict[str, str]:
        decisions = await handler(session, messages)
        if isinstance(session, MemorySession):
            self._take(session.rows)
        for message, decided in zip(messages, decisions, strict=True):
            with under(message.context):
                await self.add(session, *decided.facts)
        return {
            message.event.id: decided.outcome
            for message, decided in zip(messages, decisions, strict=True)
        }

    def _take(self, rows: Sequence[Document]) -> None:
        """What an outbox wrote, at the double's own time."""
        for row in rows:
            event = event_of_row(row, source=self._source, inserted_at=None)
            self._emit([replace(event, time=self.now)], row.get("deliver_at"))

    def _emit(self, events: Sequence[Event], deliver_at: datetime | None) -> None:
        if deliver_at is not None and deliver_at > self.now:
            self.scheduled += [(deliver_at, event) for event in events]
        else:
            self.events += events
