"""The broker as a story needs it: how much waits where, what was set aside, and messages put in."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self

import aio_pika
import orjson
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    AbstractMessage,
    AbstractQueue,
)

from contracts.topology import EXCHANGE
from scenarios.waiting import eventually

REASON_HEADER: Final = "x-postbox-reason"
CONNECT_TIMEOUT_S: Final = 5.0
DISCARD_LIMIT_S: Final = 5.0
LETTERS_MAX: Final = 10_000
"""Dead letters that are looked at; more are counted, not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was set aside; `intent_id` where its body can be read."""

    queue: str
    event_id: str
    reason: str
    intent_id: str | None


class Broker:
    """Over one connection: a channel that stays, and others for what is given back by closing."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel) -> None:
        self._connection = connection
        self._channel = channel

    @classmethod
    @asynccontextmanager
    async def connect(cls, uri: str) -> AsyncIterator[Self]:
        """For as long as the block runs."""
        async with await aio_pika.connect(uri, timeout=CONNECT_TIMEOUT_S) as connection:
            yield cls(connection, await connection.channel(on_return_raises=True))

    async def waiting(self, queue: str) -> int:
        """How many messages are ready in `queue`; those in a consumer's hands are not counted."""
        declared = (await self._channel.declare_queue(queue, passive=True)).declaration_result
        return declared.message_count or 0

    async def dead_letters(self, queue: str) -> list[DeadLetter]:
        """What was set aside from `queue`; it stays there."""
        found = []
        async with self._connection.channel() as channel:
            async for message in _messages(await channel.get_queue(_dead(queue))):
                found.append(_letter(queue, message))
        return found  # the channel closed, so all of it went back

    async def discard(self, queue: str, event_ids: Collection[str]) -> None:
        """Remove these dead letters of `queue`; the others stay.

        Raises `Broken` where they are not there. What somebody else looked at is back only a moment
        after they closed their channel, so it looks again.
        """
        left = set(event_ids)

        async def removed() -> bool:
            async with self._connection.channel() as channel:
                async for message in _messages(await channel.get_queue(_dead(queue))):
                    if message.message_id in left:
                        await message.ack()
                        left.discard(message.message_id)
            return not left

        await eventually(removed, for_what=f"{left} in {queue}.dead", limit_s=DISCARD_LIMIT_S)

    async def publish(self, body: bytes, *, event_type: str, message_id: str) -> None:
        """Publish to the exchange of events, confirmed, whatever the body is."""
        message = aio_pika.Message(
            body,
            content_type="application/cloudevents+json",
            type=event_type,
            message_id=message_id,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await self._publish(message, event_type)

    async def publish_again(self, message: AbstractIncomingMessage) -> None:
        """Publish a message as it was heard."""
        await self._publish(message, message.routing_key or "")

    async def _publish(self, message: AbstractMessage, routing_key: str) -> None:
        exchange = await self._channel.get_exchange(EXCHANGE, ensure=False)
        await exchange.publish(message, routing_key=routing_key)

    @asynccontextmanager
    async def tap(self) -> AsyncIterator["Tap"]:
        """Hears every event on the wire for as long as the block runs."""
        async with self._connection.channel() as channel:
            queue = await channel.declare_queue(exclusive=True, auto_delete=True)
            await queue.bind(EXCHANGE, routing_key="#")
            yield Tap(queue)


class Tap:
    """A queue of one's own that gets a copy of every event."""

    def __init__(self, queue: AbstractQueue) -> None:
        self._queue = queue

    async def heard(self, intent_ids: Collection[str]) -> list[AbstractIncomingMessage]:
        """The messages about these intents that came since the last time."""
        return [
            message
            async for message in _messages(self._queue)
            if _intent_id(message.body) in intent_ids
        ]


async def _messages(queue: AbstractQueue) -> AsyncIterator[AbstractIncomingMessage]:
    for _ in range(LETTERS_MAX):
        message = await queue.get(fail=False)
        if message is None:
            return
        yield message


def _dead(queue: str) -> str:
    return f"{queue}.dead"


def _letter(queue: str, message: AbstractIncomingMessage) -> DeadLetter:
    return DeadLetter(
        queue=queue,
        event_id=message.message_id or "(none)",
        reason=str(message.headers.get(REASON_HEADER, "set aside by the broker")),
        intent_id=_intent_id(message.body),
    )


def _intent_id(body: bytes) -> str | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    subject = document.get("subject") if isinstance(document, dict) else None
    return subject if isinstance(subject, str) else None
