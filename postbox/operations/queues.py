"""How queues stand: messages that are ready, and consumers; and a queue bound again. AMQP alone."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from aio_pika.exceptions import ChannelNotFoundEntity
from aiormq.abc import AbstractChannel as RawChannel

from postbox.errors import BrokerUnavailable
from postbox.operations.dead_letters import NoSuchQueue
from postbox.rabbitmq import broker_errors, connected, raw_channel

LOOK_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """One queue; None where there is none of that name."""

    name: str
    ready: int | None
    consumers: int | None


class QueueWatch:
    """Looks at queues again and again, on one connection that it keeps. One look at a time."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._life: AsyncExitStack | None = None
        self._channel: RawChannel | None = None

    async def look(self, names: Sequence[str]) -> list[QueueStatus]:
        """Each of `names` as it stands. BrokerUnavailable, after which the next look connects."""
        try:
            return [await self._look(name) for name in names]
        except BrokerUnavailable:
            await self.close()
            raise

    async def close(self) -> None:
        life, self._life, self._channel = self._life, None, None
        if life is not None:
            await life.aclose()

    async def _look(self, name: str) -> QueueStatus:
        channel = await self._opened()
        with broker_errors(f"looking at {name}"):
            try:
                found = await channel.queue_declare(name, passive=True, timeout=LOOK_TIMEOUT_S)
            except ChannelNotFoundEntity:
                self._channel = None  # the broker has closed it
                return QueueStatus(name=name, ready=None, consumers=None)
        return QueueStatus(
            name=name, ready=found.message_count or 0, consumers=found.consumer_count or 0
        )

    async def _opened(self) -> RawChannel:
        if self._life is None:
            async with AsyncExitStack() as opening:
                connected_ = connected(self._uri, name="postbox: looking at queues")
                self._connection = await opening.enter_async_context(connected_)
                self._life = opening.pop_all()
        if self._channel is None:
            with broker_errors("opening a channel"):
                self._channel = await raw_channel(await self._connection.channel())
        return self._channel


async def bind(uri: str, *, exchange: str, queue: str, keys: Sequence[str]) -> None:
    """Let `queue` get what comes to `exchange` under `keys`; a binding that is there stays.

    NoSuchQueue where the queue, or the exchange, does not exist. BrokerUnavailable.
    """
    async with connected(uri, name=f"postbox: binding {queue}") as connection:
        with broker_errors(f"binding {queue}"):
            channel = await raw_channel(await connection.channel())
            for key in keys:
                try:
                    await channel.queue_bind(
                        queue, exchange, routing_key=key, timeout=LOOK_TIMEOUT_S
                    )
                except ChannelNotFoundEntity as error:
                    raise NoSuchQueue(f"there is no queue {queue!r}, or no {exchange!r}") from error
