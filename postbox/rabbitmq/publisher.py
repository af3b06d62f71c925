"""Publishing with confirms, many messages in one socket write.

aio-pika's and aiormq's own `publish` cost a task, a future and a write for each message. Here a
batch is one write, and each message's confirm is reported to a callback. Every message is
mandatory. Those that are made here are persistent; one that is passed on keeps its delivery mode.
This module and `receiver` alone touch aiormq's insides, which are public but undocumented, hence
the pin below aiormq 8.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from aiormq.abc import AbstractChannel as RawChannel
from aiormq.abc import ChannelFrame
from aiormq.exceptions import AMQPError, ChannelInvalidStateError, PublishError
from pamqp import commands

from postbox.errors import BrokerUnavailable
from postbox.rabbitmq import frames
from postbox.rabbitmq.receiver import NO_MESSAGE_ID


class Outcome(Enum):
    """What the broker made of a message."""

    CONFIRMED = "confirmed"  # a queue holds it, on a majority's disks
    NACKED = "nacked"  # refused: the queue is full, or its leader failed
    RETURNED = "returned"  # no queue wants it, and no alternate exchange either
    LOST = "lost"  # the channel closed first: it may have landed all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to publish. `message_id` must not be in flight twice on one channel.

    `raw` has the flags and properties of a message that is passed on as it came; then the content
    type, the type and the headers here are for its reader alone.
    """

    exchange: str
    routing_key: str
    message_id: str
    body: bytes
    content_type: str
    type: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes | None = None

    @classmethod
    def passed_on(
        cls, *, exchange: str, routing_key: str, message_id: str | None, raw: bytes, body: bytes
    ) -> Self:
        """A message that somebody else wrote; only one without an id may be in flight at a time."""
        return cls(
            exchange=exchange,
            routing_key=routing_key,
            message_id=message_id or NO_MESSAGE_ID,
            body=body,
            content_type="",
            raw=raw,
        )


Settled = Callable[[Outgoing, Outcome], None]


class Publisher:
    """Publishes on one channel, for that channel's life."""

    def __init__(self, channel: RawChannel) -> None:
        self._channel: Any = channel

    @property
    def is_closed(self) -> bool:
        return bool(self._channel.is_closed)

    async def send(self, messages: Sequence[Outgoing], settled: Settled) -> None:
        """Write a batch; `settled(message, outcome)` is called once for each when it is known.

        A channel that closes settles nothing: the caller watches `closed` and sends again.
        Returns when the batch is handed to the connection. A batch that fails or is cancelled
        before that was not sent at all, and the channel stays good for the next one.
        """
        channel = self._channel
        try:
            async with channel.lock:
                first_tag = channel.delivery_tag + 1
                payload = _payload(channel, messages)
                self._number(messages, settled)
                try:
                    await channel.write_queue.put(payload)
                except BaseException:
                    self._take_back(messages, first_tag)
                    raise
        except (AMQPError, ChannelInvalidStateError, ConnectionError, RuntimeError) as error:
            raise BrokerUnavailable(f"the channel is closed: {error}") from error

    def _number(self, messages: Sequence[Outgoing], settled: Settled) -> None:
        channel = self._channel
        for tag, message in enumerate(messages, channel.delivery_tag + 1):
            channel.confirmations[tag] = _Slot(channel, message, settled)
            channel.message_id_delivery_tag[message.message_id] = tag
        channel.delivery_tag += len(messages)

    def _take_back(self, messages: Sequence[Outgoing], first_tag: int) -> None:
        """The broker never saw these: it will give their tags to the next messages."""
        channel = self._channel
        for tag, message in enumerate(messages, first_tag):
            channel.confirmations.pop(tag, None)
            channel.message_id_delivery_tag.pop(message.message_id, None)
        channel.delivery_tag = first_tag - 1

    async def unblocked(self) -> None:
        """Wait while the broker blocks this connection: an alarm of memory or disk."""
        await self._channel.connection.ready()

    async def closed(self) -> str:
        """Wait until the channel is closed; why it was."""
        closing: asyncio.Future[None] = self._channel.closing
        await asyncio.wait([closing])
        error = None if closing.cancelled() else closing.exception()
        return str(error) if error else "the connection was closed"

    async def publish(self, message: Outgoing, *, timeout_s: float) -> None:
        """Publish one message and wait for its confirm. BrokerUnavailable in any other case."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def settled(_: Outgoing, result: Outcome) -> None:
            if not outcome.done():
                outcome.set_result(result)

        closing = asyncio.ensure_future(self.closed())
        try:
            async with asyncio.timeout(timeout_s):
                await self.send([message], settled)
                await asyncio.wait((outcome, closing), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as error:
            raise BrokerUnavailable(f"no confirm within {timeout_s} s") from error
        finally:
            closing.cancel()
        result = outcome.result() if outcome.done() else Outcome.LOST
        if result is not Outcome.CONFIRMED:
            raise BrokerUnavailable(f"{message.routing_key}: {result.value}")


class _Slot:
    """Stands in aiormq's table of confirmations where a future would, at a fraction of its cost."""

    __slots__ = ("_channel", "_message", "_open", "_settled")

    def __init__(self, channel: Any, message: Outgoing, settled: Settled) -> None:
        self._channel = channel
        self._message = message
        self._settled = settled
        self._open = True

    def done(self) -> bool:
        return not self._open

    def cancelled(self) -> bool:
        return False

    def set_result(self, frame: object) -> None:
        # On a channel without `on_return_raises` a returned message comes as a result too.
        acked = isinstance(frame, commands.Basic.Ack)
        self._settle(Outcome.CONFIRMED if acked else Outcome.RETURNED)

    def set_exception(self, error: Exception) -> None:
        returned = isinstance(error, PublishError)
        self._settle(Outcome.RETURNED if returned else Outcome.NACKED)

    def _settle(self, outcome: Outcome) -> None:
        self._open = False
        self._channel.message_id_delivery_tag.pop(self._message.message_id, None)
        self._settled(self._message, outcome)


def _payload(channel: Any, messages: Sequence[Outgoing]) -> ChannelFrame:
    """One socket write for all of a batch's frames."""
    payload = b"".join(
        frames.publish(
            channel.number,
            channel.max_content_size,
            exchange=message.exchange,
            routing_key=message.routing_key,
            properties=message.raw or _properties(message),
            body=message.body,
        )
        for message in messages
    )
    return ChannelFrame(payload=payload, should_close=False)


def _properties(message: Outgoing) -> bytes:
    return frames.properties(
        content_type=message.content_type,
        message_id=message.message_id,
        type_=message.type,
        headers=message.headers,
    )
