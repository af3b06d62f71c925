"""The batches of one subscription, several under way at once, each in a task of its own."""

import asyncio
from typing import Generic, TypeVar

from postbox.consumer.batches import Batches
from postbox.consumer.delivery import Delivery
from postbox.consumer.handling import Handling
from postbox.consumer.options import ConsumerOptions
from postbox.consumer.retries import Retries
from postbox.consumer.subscription import Subscription

T = TypeVar("T")


class Lanes(Generic[T]):
    """Handles batches until the subscription is over or one of them cannot be."""

    def __init__(
        self, handling: Handling[T], retries: Retries[T], options: ConsumerOptions
    ) -> None:
        self._handling = handling
        self._batches = Batches(retries, options, handling.read)
        self._under_way: set[asyncio.Task[None]] = set()
        self._failure: Exception | None = None

    async def run(self, subscription: Subscription[T], stop: asyncio.Event) -> None:
        """What is under way is brought to its end, whatever ends this.

        Raises what a lane raised first: Requeued, BrokerUnavailable, or a bug.
        """
        try:
            while batch := await self._batches.next(subscription, stop):
                lane = asyncio.create_task(self._handle(batch, subscription, stop))
                self._under_way.add(lane)
                lane.add_done_callback(self._under_way.discard)
        finally:
            await self._end()
        if self._failure is not None:
            raise self._failure

    async def _handle(
        self, batch: list[Delivery[T]], subscription: Subscription[T], stop: asyncio.Event
    ) -> None:
        try:
            await self._handling.handle(batch, subscription, stop)
        except Exception as error:  # noqa: BLE001 - raised by run(), once the other lanes have ended
            self._failure = self._failure or error
            subscription.give_up(str(error))
        finally:
            self._batches.done(batch)
            subscription.wake.set()

    async def _end(self) -> None:
        """A cancellation ends the lanes too; else each is awaited."""
        try:
            while self._under_way:
                await asyncio.wait(self._under_way)
        except asyncio.CancelledError:
            for lane in self._under_way:
                lane.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            raise
