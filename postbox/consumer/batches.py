"""What a consumer does next: a delivery whose next try is due, or what has arrived, up to a bound.

After a small batch it lingers a moment while it is busy, for fuller batches cost less each.
"""

import asyncio
from time import monotonic
from typing import Generic, TypeVar

from postbox.consumer.delivery import Delivery
from postbox.consumer.options import ConsumerOptions
from postbox.consumer.retries import Retries
from postbox.consumer.subscription import Subscription

T = TypeVar("T")


class Batches(Generic[T]):
    """Takes batches from whichever subscription there is."""

    def __init__(self, retries: Retries[T], options: ConsumerOptions) -> None:
        self._retries = retries
        self._options = options
        self._last = (0, 0.0)  # its size, and when it was done

    def done(self, size: int) -> None:
        """A batch of `size` was handled just now."""
        self._last = (size, monotonic())

    async def next(self, subscription: Subscription[T], stop: asyncio.Event) -> list[Delivery[T]]:
        """Wait for the next batch; empty once `stop` is set or the subscription is over."""
        while not stop.is_set() and not subscription.is_over:
            due = self._retries.due()
            if due is not None:
                return [due]
            if subscription.waiting:
                if self._is_worth_lingering(subscription.waiting):
                    await asyncio.sleep(self._options.linger_s)
                return subscription.take(self._options.batch_max)
            subscription.wake.clear()
            if stop.is_set() or subscription.is_over:
                break
            await _wait(subscription.wake, self._retries.seconds_to_next())
        return []

    def _is_worth_lingering(self, waiting: int) -> bool:
        size, at = self._last
        small = self._options.small_batch
        return waiting < small and size < small and monotonic() - at < self._options.busy_s


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
