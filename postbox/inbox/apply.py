"""Applying a batch of messages: inbox rows, states and outgoing events in one transaction.

The inbox rows are written first, so a handler never sees a repeat. Most batches have none, and the
inbox is not read for them: where a row is there already, the server refuses that write, and the
whole is tried again on a fresh snapshot, where it is read.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from postbox.events import AnyFact, Message
from postbox.inbox.inbox import Inbox
from postbox.mongo import Client, Document, Session, is_retried, transaction
from postbox.outbox import Outbox
from postbox.runtime import crash_point
from postbox.telemetry import batch_span, under

T = TypeVar("T")
DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a handler made of one message: a word for people, and the facts to emit."""

    outcome: str
    facts: Sequence[AnyFact] = ()


_DUPLICATE = Decided(DUPLICATE)
Handler = Callable[[Session, Sequence[Message[T]]], Awaitable[Sequence[Decided]]]
"""Reads and writes states under the session; returns one Decided a message, in order.

It sees no message twice. It may run several times, and must touch nothing but MongoDB. It raises
SetAside for a message that can never be handled; anything else it raises counts as a failed try.
"""


class Apply(Generic[T]):
    """Applies each message once in effect: a repeat is found in the inbox and changes nothing."""

    def __init__(self, client: Client, inbox: Inbox, outbox: Outbox, handler: Handler[T]) -> None:
        self._client = client
        self._inbox = inbox
        self._outbox = outbox
        self._handler = handler

    async def __call__(self, messages: Sequence[Message[T]]) -> list[Decided]:
        """Commit the whole batch; returns what was decided on each message. All or nothing."""

        async def body(session: Session) -> list[Decided]:
            return await self._decide_and_write(session, messages)

        with batch_span("commit batch", (message.context for message in messages)):
            decisions = await transaction(self._client, body)
        crash_point("consumer.committed")
        return decisions

    async def _decide_and_write(
        self, session: Session, messages: Sequence[Message[T]]
    ) -> list[Decided]:
        ids = {message.event.id for message in messages}
        seen = await self._inbox.seen(session, ids) if is_retried() else set()
        fresh: dict[str, Message[T]] = {}
        for message in messages:
            if message.event.id not in seen:
                fresh.setdefault(message.event.id, message)
        if not fresh:
            return [_DUPLICATE] * len(messages)
        await self._inbox.record(session, fresh)
        decisions = await self._handler(session, list(fresh.values()))
        rows: list[Document] = []
        decided_on: dict[str, Decided] = {}
        for message, decided in zip(fresh.values(), decisions, strict=True):
            decided_on[message.event.id] = decided
            if decided.facts:
                with under(message.context):
                    rows += self._outbox.rows(decided.facts)
        await self._outbox.insert(session, rows)
        crash_point("consumer.written")
        return [decided_on.pop(message.event.id, _DUPLICATE) for message in messages]
