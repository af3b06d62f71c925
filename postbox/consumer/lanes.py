"""Lanes: the batches of one subscription that are under way, and what is begun next.

Nobody lingers: a batch is what has arrived while the one before it committed. Where a core idles,
what arrives does not wait even for that: up to `lanes_max` batches are under way at once, each in a
lane of its own. A subject is in one lane at a time: its events stay in their order. From a size of
batches on, one lane works alone, for full batches cost less a message.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from postbox.consumer.delivery import Delivery
from postbox.consumer.handling import Handling
from postbox.consumer.options import ConsumerOptions
from postbox.consumer.retries import Retries
from postbox.consumer.subscription import Subscription
from postbox.runtime import cancelled, idle_cores

T = TypeVar("T")
RECENT: Final = 0.25
"""How much the newest batch counts in the average of their sizes."""


class Batches(Generic[T]):
    """Takes the next batch: a delivery whose next try is due, or what has arrived, up to a bound.

    `read` finds a delivery's message.
    """

    def __init__(
        self,
        retries: Retries[T],
        options: ConsumerOptions,
        read: Callable[[Delivery[T]], None],
    ) -> None:
        self._retries = retries
        self._options = options
        self._read = read
        self._under_way: set[str] = set()  # the subjects
        self._lanes = 0
        self._size = 0.0  # of recent batches

    async def next(self, subscription: Subscription[T], stop: asyncio.Event) -> list[Delivery[T]]:
        """Wait for the next batch, which is under way from then on until it is `done`.

        Empty once `stop` is set or the subscription is over.
        """
        while not stop.is_set() and not subscription.is_over:
            has_lane = self._has_lane()
            batch = self._take(subscription) if has_lane else []
            if batch:
                self._lanes += 1
                self._under_way.update(_subjects(batch))
                return batch
            subscription.wake.clear()
            if stop.is_set() or subscription.is_over:
                break
            await _wait(subscription.wake, self._retries.seconds_to_next() if has_lane else None)
        return []

    def done(self, batch: Sequence[Delivery[T]]) -> None:
        """A batch was handled."""
        self._lanes -= 1
        self._under_way.difference_update(_subjects(batch))
        self._size += RECENT * (len(batch) - self._size)

    def _has_lane(self) -> bool:
        """Whether another batch may be begun: one more takes time from those under way, unless a
        core idles."""
        options = self._options
        return self._lanes == 0 or (
            self._lanes < options.lanes_max
            and self._size < options.small_batch
            and (not options.idle_cores_min or idle_cores() >= options.idle_cores_min)
        )

    def _take(self, subscription: Subscription[T]) -> list[Delivery[T]]:
        due = self._retries.due(self._is_free)
        if due is not None:
            return [due]
        return subscription.take(self._options.batch_max, self._is_free)

    def _is_free(self, delivery: Delivery[T]) -> bool:
        """Whether no lane works on its subject. What has none, or cannot be read, is about none."""
        if delivery.message is None and delivery.verdict is None:
            self._read(delivery)
        return delivery.message is None or delivery.message.event.subject not in self._under_way


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
        """At its end, what is under way is brought to its end too; where it is cancelled, that is
        cancelled too, and goes back to the broker.

        Raises what a lane raised first: Requeued, BrokerUnavailable, or a bug.
        """
        try:
            while batch := await self._batches.next(subscription, stop):
                lane = asyncio.create_task(self._handle(batch, subscription, stop))
                self._under_way.add(lane)
                lane.add_done_callback(self._under_way.discard)
            while self._under_way:
                await asyncio.wait(self._under_way)
        finally:
            await cancelled(*self._under_way)
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


def _subjects(batch: Sequence[Delivery[T]]) -> set[str]:
    messages = (one.message for one in batch if one.message is not None)
    return {one.event.subject for one in messages if one.event.subject is not None}


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
