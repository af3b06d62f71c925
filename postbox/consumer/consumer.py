"""The consumer: every event of a queue is applied once in effect, whatever crashes.

It takes what has arrived, applies it in a transaction, and only then acknowledges. While the
database is unavailable, nothing is lost and consuming pauses; to a broker that is unavailable, or
has lost the consumer, it connects again. What is not acknowledged at the end is requeued.
"""

import asyncio
import random
from typing import Final, Generic, TypeVar

import structlog
from aio_pika.abc import AbstractConnection

from postbox.consumer.consumption import Consumption
from postbox.consumer.dead_letters import DeadLetters
from postbox.consumer.handling import Handling
from postbox.consumer.lanes import Lanes
from postbox.consumer.outage import Outage, Requeued
from postbox.consumer.retries import Retries
from postbox.consumer.spans import ProcessSpans
from postbox.consumer.subscription import Subscription
from postbox.errors import BrokerUnavailable, TopologyMismatch
from postbox.mongo import DatabaseClock
from postbox.rabbitmq import Declare, Topology, broker_errors, connected, raw_channel
from postbox.runtime import Health, pause

T = TypeVar("T")
log: Final = structlog.get_logger()


class Consumer(Generic[T]):
    """Keeps one queue consumed, over one connection after another."""

    def __init__(
        self,
        consumption: Consumption[T],
        *,
        uri: str,
        topology: Topology,
        clock: DatabaseClock,
        health: Health,
        declare: Declare = "all",
        part: str = "consumer",
    ) -> None:
        """`part` is its name at `health`."""
        queue, options = consumption.queue, consumption.options
        self._queue = queue
        self._uri = uri
        self._topology = topology
        self._declare: Declare = declare
        self._health = health
        self._part = part
        self._options = options
        self._spans = ProcessSpans(queue, consumption.decision_attribute)
        self._dead = DeadLetters(uri, topology, name=queue, clock=clock)
        self._outage = Outage(clock, health, part=part, retry_s=options.database_retry_s)
        self._retries: Retries[T] = Retries()
        self._handling = Handling(consumption, self._dead, self._retries, self._outage, self._spans)
        self._subscription: Subscription[T] | None = None

    @property
    def is_caught_up(self) -> bool:
        """Whether the backlog that stood in the queue at the last (re)start has been worked off."""
        return self._subscription is not None and self._subscription.is_caught_up

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; reconnects for as long as it takes."""
        failures = 0
        try:
            while not stop.is_set():
                try:
                    async with connected(self._uri, name=self._queue) as connection:
                        failures = 0
                        await self._live(connection, stop)
                except (BrokerUnavailable, TopologyMismatch) as error:
                    failures += 1
                    self._health.fail(self._part, str(error))
                    log.warning("not consuming", queue=self._queue, reason=str(error))
                finally:
                    self._subscription = None
                    self._spans.given_back(self._retries.clear())
                if not stop.is_set():
                    ceiling_s = min(0.1 * 2**failures, self._options.reconnect_max_s)
                    await pause(stop, random.uniform(0.05, ceiling_s))
        finally:
            await self._dead.close()

    async def _live(self, connection: AbstractConnection, stop: asyncio.Event) -> None:
        """Consume on one connection, by a new subscription whenever the last one went stale."""
        opening = f"opening a channel for {self._queue}"
        with broker_errors(opening):
            async with connection.channel() as channel:
                await self._topology.ensure(channel, self._declare)
        while not stop.is_set():
            with broker_errors(opening):
                channel = await connection.channel(publisher_confirms=False)
                raw = await raw_channel(channel)
            subscription: Subscription[T] = Subscription(
                raw, self._queue, prefetch=self._options.prefetch
            )
            self._subscription = subscription
            await self._consume(subscription, stop)
            if stop.is_set():
                return
            if not subscription.is_stale:
                raise BrokerUnavailable(subscription.ending or f"lost the channel of {self._queue}")
            with broker_errors(f"renewing the subscription to {self._queue}"):
                await channel.close()

    async def _consume(self, subscription: Subscription[T], stop: asyncio.Event) -> None:
        """Handle batches until the subscription is over."""
        watch = asyncio.create_task(_wake_at(stop, subscription))
        touch = asyncio.create_task(self._keep_in_touch(subscription))
        try:
            await self._outage.until_over(subscription, stop)
            await Lanes(self._handling, self._retries, self._options).run(subscription, stop)
        except Requeued:
            pass
        finally:
            watch.cancel()
            touch.cancel()

    async def _keep_in_touch(self, subscription: Subscription[T]) -> None:
        """Notice a broker that is out of reach, or forgot us, though no connection broke."""
        try:
            while not subscription.is_over:
                await asyncio.sleep(self._options.touch_every_s)
                await subscription.touch()
        except BrokerUnavailable as error:
            self._health.fail(self._part, str(error))
            subscription.give_up(str(error))


async def _wake_at(stop: asyncio.Event, subscription: Subscription[T]) -> None:
    await stop.wait()
    subscription.wake.set()
