"""Handlers of one event each: together they handle the batches of a queue.

Each sees what those before it in the batch have written. Where together they take too long for one
transaction, each message gets one of its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, TypeAlias

from postbox.errors import InvalidMessage
from postbox.events import AnyFact, Event, Message, decode, is_fact, type_of
from postbox.inbox.apply import Decided
from postbox.mongo import Session
from postbox.telemetry import under

TOGETHER_LIMIT_S: Final = 2.5
ALONE_LIMIT_S: Final = 5.0
"""As long as a transaction may be open."""

Outgoing: TypeAlias = AnyFact | Sequence[AnyFact] | None
"""What a handler of one event returns: the events to emit, one, several or none."""
Reaction: TypeAlias = Awaitable[Outgoing] | AsyncIterator[AnyFact]
"""What calling it gives: a coroutine, or an asynchronous generator of the events to emit."""


@dataclass(frozen=True, slots=True)
class EventHandler:
    """`call(session, event)` handles one event of the class `event`.

    It may run several times for one commit, and must touch nothing but MongoDB.
    """

    event: type
    call: Callable[[Session, Any], Reaction]

    @property
    def type(self) -> str:
        return type_of(self.event)

    @property
    def name(self) -> str:
        """What people read as its decision."""
        return getattr(self.call, "__name__", type(self.call).__name__)

    async def facts(self, session: Session, event: Any) -> Sequence[AnyFact]:
        """What it makes of `event`."""
        reaction = self.call(session, event)
        if isinstance(reaction, AsyncIterator):
            return [fact async for fact in reaction]
        returned = await reaction
        if returned is None:
            return ()
        if isinstance(returned, Sequence):
            return returned
        if not is_fact(returned):
            kind = type(returned).__qualname__
            raise TypeError(f"{self.name} returned {kind}: expected events in a list, one, or None")
        return (returned,)


class EventHandlers:
    """The handlers of one queue, one for each type: how it decodes an event, and its `Handler`."""

    def __init__(self, queue: str, handlers: Iterable[EventHandler]) -> None:
        self._queue = queue
        self._by_type = {handler.type: handler for handler in handlers}

    @property
    def types(self) -> Collection[str]:
        """The types of the events that they take."""
        return self._by_type.keys()

    def decode(self, event: Event) -> Any:
        """The object that its handler takes. InvalidMessage: it has no handler, or other data."""
        handler = self._by_type.get(event.type)
        if handler is None:
            raise InvalidMessage(f"{self._queue} has no handler for it")
        return decode(handler.event, event.data)

    async def __call__(
        self, session: Session, messages: Sequence[Message[Any]]
    ) -> Sequence[Decided]:
        began = monotonic()
        decided = []
        for message in messages:
            handler = self._by_type[message.event.type]
            with under(message.context):
                facts = await handler.facts(session, message.fact)
            decided.append(Decided(handler.name, facts))
            _check_time(handler, monotonic() - began, alone=len(messages) == 1)
        return decided


def _check_time(handler: EventHandler, elapsed_s: float, *, alone: bool) -> None:
    """TimeoutError: of a batch, to have each message alone; of one alone, a try that failed."""
    limit_s = ALONE_LIMIT_S if alone else TOGETHER_LIMIT_S
    if elapsed_s > limit_s:
        took = f"{handler.name} took {elapsed_s:.1f} s" if alone else "the batch takes too long"
        raise TimeoutError(f"{took}: a transaction is open for {ALONE_LIMIT_S:.0f} s at most")
