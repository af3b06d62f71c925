"""Messages that wait for a person: dead letters, and events that no queue wanted.

AMQP can show a message only by delivering it. So a message is taken, and returns to its queue
unless it is settled: at the end of the block, or when this program or its connection dies.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from aio_pika.exceptions import ChannelNotFoundEntity
from aiormq.abc import AbstractChannel as RawChannel
from aiormq.abc import DeliveredMessage

from postbox.errors import BrokerUnavailable, MalformedMessage, PostboxError
from postbox.events import cloudevents
from postbox.rabbitmq import (
    AT,
    ERROR,
    QUEUE,
    REASON,
    broker_errors,
    connected,
    dead_letter,
    raw_channel,
    raw_properties,
)
from postbox.rabbitmq.dead_letter import DEAD_SUFFIX

RPC_TIMEOUT_S = 10.0
WINDOW = 200
"""So many messages may be on their way here that nobody has taken yet."""
QUIET_S = 0.2
"""After so long without a message, the queue is asked whether it has one."""
REQUEUED_POLL_S = 0.01
REQUEUED_POLLS_MAX = 200


class NoSuchQueue(PostboxError):
    """A queue of that name does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message as it waits in `queue`; `tag` is the delivery's and good for one block alone."""

    tag: int
    queue: str
    id: str
    type: str | None
    subject: str | None
    reason: str | None
    error: str | None
    at: str | None
    origin: str | None
    """The queue whose consumer, or whose delivery limit, set it aside."""
    routing_key: str
    """The one that it was published with."""
    deliveries: int
    """How often it was handed out before, as far as the broker says."""
    content_type: str | None
    headers: Mapping[str, Any]
    message_id: str | None
    raw: bytes
    """Its properties as they came."""
    body: bytes

    @classmethod
    def of(cls, delivered: DeliveredMessage, queue: str) -> Self:
        properties = delivered.header.properties
        headers = properties.headers or {}
        type_, subject = _envelope(delivered.body, headers, properties.content_type)
        count = headers.get("x-delivery-count")
        tag, raw = delivered.delivery_tag, raw_properties(delivered.header)
        assert tag is not None, "a message was delivered"
        return cls(
            tag=tag,
            queue=queue,
            id=properties.message_id or f"sha256:{hashlib.sha256(delivered.body).hexdigest()}",
            type=properties.message_type or type_,
            subject=subject,
            reason=_text(headers, REASON, "x-first-death-reason"),
            error=_text(headers, ERROR),
            at=_text(headers, AT) or _died_at(headers),
            origin=_text(headers, QUEUE) or _origin(queue) or _text(headers, "x-first-death-queue"),
            routing_key=dead_letter.routing_key(raw, queue) or delivered.routing_key or "",
            deliveries=count if isinstance(count, int) else 0,
            content_type=properties.content_type,
            headers=headers,
            message_id=properties.message_id,
            raw=raw,
            body=delivered.body,
        )


class DeadLetterQueue:
    """The messages of one queue. Those that are taken and not settled return, in any order."""

    def __init__(self, channel: RawChannel, queue: str) -> None:
        self.channel = channel
        self.queue = queue
        self._arrived: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
        self._windows: list[str] = []
        self._held = 0
        self._found = 0
        self._taken = 0

    @property
    def unseen(self) -> int:
        """How many of those that waited when the taking began were not taken."""
        return self._found - self._taken

    async def waiting(self) -> int:
        """How many messages can be taken. NoSuchQueue where there is none of that name."""
        with broker_errors(f"looking at {self.queue}"):
            try:
                declared = await self.channel.queue_declare(
                    self.queue, passive=True, timeout=RPC_TIMEOUT_S
                )
            except ChannelNotFoundEntity as error:
                raise NoSuchQueue(f"there is no queue {self.queue!r}") from error
        return declared.message_count or 0

    async def take(self, most: int) -> AsyncIterator[DeadLetter]:
        """Up to `most` of the messages that wait now, each once, and none that comes later."""
        self._found = await self.waiting()
        for number in range(min(most, self._found)):
            if number % WINDOW == 0:
                await self._open_window(min(WINDOW, most, self._found))
            delivered = await self._next()
            if delivered is None:
                return
            self._taken += 1
            yield DeadLetter.of(delivered, self.queue)

    async def _open_window(self, size: int) -> None:
        """Let the broker send `size` more: a limit is each consumer's own, and one is never lifted.

        Asked for one by one, 10,000 messages take 20 seconds.
        """
        with broker_errors(f"reading {self.queue}"):
            await self.channel.basic_qos(prefetch_count=size, timeout=RPC_TIMEOUT_S)
            opened = await self.channel.basic_consume(
                self.queue, self._arrives, timeout=RPC_TIMEOUT_S
            )
        self._windows.append(str(opened.consumer_tag))

    async def _arrives(self, delivered: DeliveredMessage) -> None:
        self._held += 1
        self._arrived.put_nowait(delivered)

    async def _next(self) -> DeliveredMessage | None:
        """The next message; None where there is none any more, for somebody else took it."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    return await self._arrived.get()
            if not await self.waiting() and self._arrived.empty():
                return None

    async def settle(self, message: DeadLetter) -> None:
        """Remove `message` from its queue for good."""
        with broker_errors(f"acknowledging on {self.queue}"):
            await self.channel.basic_ack(message.tag)
        self._held -= 1

    async def requeue(self) -> None:
        """Requeue what is held, and wait until the queue has it: the next reader will see it."""
        with broker_errors(f"requeuing on {self.queue}"):
            while self._windows:
                await self.channel.basic_cancel(self._windows.pop(), timeout=RPC_TIMEOUT_S)
        if not self._held:
            return
        before = await self.waiting()
        with broker_errors(f"requeuing on {self.queue}"):
            await self.channel.basic_nack(0, multiple=True, requeue=True)
        for _ in range(REQUEUED_POLLS_MAX):
            if await self.waiting() >= before + self._held:
                break
            await asyncio.sleep(REQUEUED_POLL_S)
        self._held = 0


@asynccontextmanager
async def opened(uri: str, queue: str) -> AsyncIterator[DeadLetterQueue]:
    """The messages of `queue`, on a connection of their own. NoSuchQueue, BrokerUnavailable."""
    async with connected(uri, name=f"messages of {queue}") as connection:
        with broker_errors(f"opening a channel for {queue}"):
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            dead_queue = DeadLetterQueue(await raw_channel(channel), queue)
        await dead_queue.waiting()
        try:
            yield dead_queue
        finally:
            with suppress(BrokerUnavailable):
                await dead_queue.requeue()


def _envelope(
    body: bytes, headers: Mapping[str, Any], content_type: str | None
) -> tuple[str | None, str | None]:
    try:
        event = cloudevents.decode(body, headers, content_type)
    except MalformedMessage:
        return None, None
    return event.type, event.subject


def _text(headers: Mapping[str, Any], *names: str) -> str | None:
    """The first of these headers that is a text."""
    values = (headers.get(name) for name in names)
    return next((value for value in values if isinstance(value, str)), None)


def _origin(queue: str) -> str | None:
    return queue.removesuffix(DEAD_SUFFIX) if queue.endswith(DEAD_SUFFIX) else None


def _died_at(headers: Mapping[str, Any]) -> str | None:
    """When the broker itself dead-lettered it, by its own header."""
    deaths = headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths else None
    time = last.get("time") if isinstance(last, dict) else None
    return time.isoformat() if isinstance(time, datetime) else None
