"""While the database is unavailable, consuming pauses: nothing is lost, and no delivery is counted.

What is held stays held rather than going back, for the broker counts each time that it delivers.
"""

import asyncio
import random
from typing import Any, Final

import structlog

from postbox.consumer.subscription import Subscription
from postbox.errors import TryAgain
from postbox.mongo import DatabaseClock
from postbox.runtime import Health, pause

log: Final = structlog.get_logger()


class Requeued(Exception):
    """The batch was not done; the broker gets it back because the channel closes."""


class Outage:
    """Waits for the database, and says at `health` that it does."""

    def __init__(self, clock: DatabaseClock, health: Health, *, part: str, retry_s: float) -> None:
        self._clock = clock
        self._health = health
        self._part = part
        self._retry_s = retry_s
        self._is_on = False

    async def sit_out(
        self, error: TryAgain, subscription: Subscription[Any], stop: asyncio.Event
    ) -> None:
        """Hold everything until it is worth another try. Requeued where that is not to be."""
        if not self._is_on:
            log.warning("the database is unavailable, consuming is paused", reason=str(error))
        self._is_on = True
        self._health.fail(self._part, f"the database is unavailable: {error}")
        await subscription.hold()
        # It may answer a ping and yet refuse to commit: never try again at once.
        if await pause(stop, random.uniform(0.5, 1.0) * self._retry_s):
            raise Requeued
        await self._answer(subscription, stop)

    async def is_over(self, subscription: Subscription[Any]) -> None:
        """The database did its work, whatever it was: take deliveries again."""
        if self._is_on:
            await self._go_on(subscription)

    async def until_over(self, subscription: Subscription[Any], stop: asyncio.Event) -> None:
        """Take deliveries from when the database answers. Requeued where that is not to be."""
        await self._answer(subscription, stop)
        await self._go_on(subscription)

    async def _answer(self, subscription: Subscription[Any], stop: asyncio.Event) -> None:
        while problem := await self._clock.problem():
            self._health.fail(self._part, f"the database is unavailable: {problem}")
            if await pause(stop, self._retry_s) or subscription.is_over:
                raise Requeued

    async def _go_on(self, subscription: Subscription[Any]) -> None:
        await subscription.resume()
        self._is_on = False
        self._health.ok(self._part)
