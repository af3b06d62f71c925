"""Dead letters: messages set aside with their reason, until a person decides about them."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from postbox.consumer.delivery import Delivery
from postbox.errors import BrokerUnavailable
from postbox.mongo import DatabaseClock
from postbox.rabbitmq import (
    AT,
    ERROR,
    QUEUE,
    REASON,
    ROUTING_KEY,
    Outgoing,
    Publisher,
    Topology,
    broker_errors,
    connected,
    dead_letter,
    raw_channel,
)

CONFIRM_TIMEOUT_S = 5.0
ERROR_CHARS_MAX = 1_000


class DeadLetters:
    """Publishes to dead queues, on a connection of its own that is opened when it is needed."""

    def __init__(self, uri: str, topology: Topology, *, name: str, clock: DatabaseClock) -> None:
        self._uri = uri
        self._topology = topology
        self._name = name
        self._clock = clock
        self._stack = AsyncExitStack()
        self._publisher: Publisher | None = None
        self._lock = asyncio.Lock()

    async def set_aside(
        self, delivery: Delivery[Any], *, queue: str, reason: str, text: str
    ) -> None:
        """Publish to `queue`'s dead queue. Confirmed on return, else BrokerUnavailable."""
        said = {
            REASON: reason,
            ERROR: text[:ERROR_CHARS_MAX],
            QUEUE: queue,
            AT: self._clock.now().isoformat(),
        }
        if delivery.routing_key is not None:
            said[ROUTING_KEY] = delivery.routing_key
        message = Outgoing.passed_on(
            exchange=self._topology.dead,
            routing_key=queue,
            message_id=delivery.properties.message_id,
            raw=dead_letter.set_aside(delivery.raw, said),
            body=delivery.body,
        )
        async with self._lock:
            try:
                publisher = await self._open()
                await publisher.publish(message, timeout_s=CONFIRM_TIMEOUT_S)
            except BrokerUnavailable:
                await self._close()
                raise

    async def close(self) -> None:
        """Close the connection, if one was opened."""
        async with self._lock:
            await self._close()
        self._lock = asyncio.Lock()  # the next run may be on another event loop

    async def _open(self) -> Publisher:
        if self._publisher is None or self._publisher.is_closed:
            await self._close()
            connection = await self._stack.enter_async_context(
                connected(self._uri, name=f"{self._name} dead letters")
            )
            with broker_errors("opening a channel for dead letters"):
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                self._publisher = Publisher(await raw_channel(channel))
        return self._publisher

    async def _close(self) -> None:
        self._publisher = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()
