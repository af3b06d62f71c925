"""FastStream: typed handlers of events, each event applied once in effect.

    once = OnceInEffect(database)
    broker = RabbitBroker(uri, decoder=EventDecoder(OrderPlaced), middlewares=[once])

    @broker.subscriber(RabbitQueue("mail", declare=False))
    async def mail(placed: OrderPlaced, session: TransactionSession, event: Envelope) -> None: ...

A handler's writes under `session`, and the inbox row, commit together; the message is acknowledged
after that. Needs the extra `faststream`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, Final

from opentelemetry import trace
from opentelemetry.context import Context as TraceContext
from opentelemetry.context import get_current

from postbox.errors import DatabaseUnavailable, InvalidMessage
from postbox.events import Event, check_class, cloudevents, context_of_event, decode, type_of
from postbox.extras import requires
from postbox.inbox import Inbox
from postbox.mongo import Database, Session, transaction
from postbox.telemetry import under

with requires("faststream"):
    from faststream import BaseMiddleware, Context, ContextRepo, Depends
    from faststream.exceptions import AckMessage
    from faststream.message import StreamMessage
    from faststream.rabbit.annotations import RabbitMessage

__all__ = ["Envelope", "EventDecoder", "OnceInEffect", "TransactionSession"]

SESSION: Final = "postbox_session"
RETRY_MIN_S: Final = 0.1
RETRY_MAX_S: Final = 2.0

TransactionSession = Annotated[Session, Context(SESSION)]
"""The session of the transaction that `OnceInEffect` has opened around a handler."""


def _envelope(message: RabbitMessage) -> Event:
    return _event_of(message)


Envelope = Annotated[Event, Depends(_envelope, cast=False)]
"""The event that a handler's message carries: its id, type, subject, time and headers."""


class EventDecoder:
    """Makes of a CloudEvent, structured or binary, an object of that class which has its type.

    For a broker, a router or a subscriber, as `decoder=`. What is no CloudEvent, is of another type
    or has other data raises MalformedMessage or InvalidMessage, and FastStream rejects it: it goes
    where the queue dead-letters, or nowhere.
    """

    def __init__(self, *events: type) -> None:
        for one in events:
            check_class(one)
        self._by_type = {type_of(one): one for one in events}

    async def __call__(self, message: StreamMessage[Any]) -> Any:
        event = _event_of(message)
        cls = self._by_type.get(event.type)
        if cls is None:
            raise InvalidMessage(f"{event.type}: no handler's event")
        try:
            return decode(cls, event.data)
        except InvalidMessage as error:
            raise InvalidMessage(f"{event.type}: {error}") from error


class OnceInEffect:
    """A middleware, for a broker or a router: every handler runs once in effect for each event.

    Around a handler is one transaction, in which the event's id is remembered under the queue's
    name. A handler may run several times for one commit, so it touches nothing but MongoDB, under
    its `TransactionSession`; what it emits goes into an `Outbox`. A repeat is acknowledged without
    it. While the database is unavailable, the message is held, and tried again until it commits;
    any other error is the subscriber's `ack_policy`'s.
    """

    def __init__(self, database: Database, *, retention: timedelta | None = None) -> None:
        self._database = database
        self._retention = retention

    async def prepare(self) -> None:
        """Make the inbox's collection and index, before the broker starts. SchemaMismatch."""
        await self._inbox("faststream").prepare()

    def _inbox(self, queue: str) -> Inbox:
        """What the handlers of `queue` have applied."""
        return Inbox(self._database, consumer=queue, retention=self._retention)

    def __call__(self, msg: Any, /, *, context: ContextRepo) -> "_Once":
        return _Once(msg, context=context, once=self)

    async def _apply(
        self, event: Event, queue: str, handle: Callable[[Session], Awaitable[Any]]
    ) -> Any:
        """Await `handle(session)` once in effect. AckMessage where that was done before."""
        inbox = self._inbox(queue)

        async def body(session: Session) -> Any:
            if not await inbox.first_time(session, event.id):
                raise AckMessage
            return await handle(session)

        wait_s = RETRY_MIN_S
        while True:
            try:
                return await transaction(self._database.client, body)
            except DatabaseUnavailable:
                await asyncio.sleep(random.uniform(0.5, 1.0) * wait_s)
                wait_s = min(2 * wait_s, RETRY_MAX_S)


class _Once(BaseMiddleware[Any, Any]):
    """One message's passage through `OnceInEffect`."""

    def __init__(self, msg: Any, /, *, context: ContextRepo, once: OnceInEffect) -> None:
        super().__init__(msg, context=context)
        self._once = once

    async def consume_scope(
        self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]
    ) -> Any:
        event = _event_of(msg)
        await msg.decode()  # what cannot be decoded needs no transaction

        async def handle(session: Session) -> Any:
            with self.context.scope(SESSION, session):
                return await call_next(msg)

        with under(_context(event)):
            return await self._once._apply(event, _queue(self.context), handle)


def _event_of(message: StreamMessage[Any]) -> Event:
    return cloudevents.decode(message.body, message.headers, message.content_type)


def _context(event: Event) -> TraceContext:
    """The span that is under way, as one of FastStream's telemetry; else the event's own trace."""
    is_traced = trace.get_current_span().get_span_context().is_valid
    return get_current() if is_traced else context_of_event(event)


def _queue(context: ContextRepo) -> str:
    """The name of the queue whose subscriber is at work, with the prefixes of its routers."""
    subscriber = context.get_local("handler_")
    queue = subscriber.queue
    prefix = subscriber.routing().removesuffix(queue.routing())
    return f"{prefix}{queue.name}"
