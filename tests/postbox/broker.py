"""What a test does at the broker itself: publish anything, count, and read dead letters."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from postbox.events import AnyFact, Event
from postbox.events.cloudevents import CONTENT_TYPE, encode
from postbox.rabbitmq import Topology
from postbox.testing import MemoryPostbox
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.fake_service import topology

_elsewhere = MemoryPostbox(source="/services/website")


def event_of(fact: AnyFact) -> Event:
    """`fact` as another service would have emitted it."""
    return _elsewhere.event(fact)


class Broker:
    """One connection, with this test's topology declared."""

    def __init__(self, channel: AbstractChannel, space: Space) -> None:
        self.channel = channel
        self._space = space

    async def publish(self, *events: Event, delay_ms: int = 0) -> None:
        """Confirmed on return."""
        for event in events:
            headers = {"traceparent": event.traceparent} if event.traceparent else {}
            await self.publish_raw(
                encode(event), type_=event.type, message_id=event.id, headers=headers
            )

    async def publish_raw(
        self,
        body: bytes,
        *,
        type_: str,
        message_id: str | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> None:
        exchange = await self.channel.get_exchange(self._space.exchange, ensure=False)
        message = aio_pika.Message(
            body,
            content_type=CONTENT_TYPE,
            message_id=message_id,
            headers=dict(headers or {}),
            type=type_,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await exchange.publish(message, type_)

    async def count(self, queue: str) -> int:
        """How many messages of `queue` wait and are with no consumer."""
        declared = await self.channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0

    async def waits(self, queue: str, *, count: int) -> None:
        """Returns once `queue` holds so many messages."""

        async def look() -> bool:
            found = await self.count(queue)
            assert found == count, f"{queue} holds {found} messages"
            return True

        await eventually(look)

    async def dead(self, *, count: int) -> list[AbstractIncomingMessage]:
        """The dead letters of the shop, once there are so many."""
        name = f"{self._space.queue}.dead"
        await self.waits(name, count=count)
        queue: AbstractQueue = await self.channel.get_queue(name, ensure=False)
        return [await queue.get(no_ack=True) for _ in range(count)]


@asynccontextmanager
async def broker(space: Space, table: Topology | None = None) -> AsyncIterator[Broker]:
    async with await aio_pika.connect(space.rabbitmq_uri) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await (table or topology(space)).declare(channel)
        yield Broker(channel, space)
