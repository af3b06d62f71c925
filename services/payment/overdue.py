"""Payments that no booking has judged beyond every time limit: counted, and alarmed."""

import asyncio
from datetime import timedelta

import structlog
from pymongo import ASCENDING, IndexModel

from postbox.errors import TryAgain
from postbox.mongo import Database, DatabaseClock, bounded, ensure_indexes
from postbox.runtime import pause
from services.payment import metrics

log = structlog.get_logger()
INTERVAL_S = 15.0
COUNT_MAX = 1_000


class Overdue:
    """Looks for money that is neither settled nor on its way back."""

    def __init__(self, database: Database, clock: DatabaseClock, *, limit_s: float) -> None:
        self._payments = database["payments"]
        self._clock = clock
        self._limit = timedelta(seconds=limit_s)

    @staticmethod
    async def prepare(database: Database) -> None:
        """The index that finds unjudged payments without reading the others."""
        unjudged = IndexModel(
            [("known_at", ASCENDING)],
            name="unjudged",
            partialFilterExpression={"state": "captured"},
        )
        await ensure_indexes(database["payments"], [unjudged])

    async def run(self, stop: asyncio.Event) -> None:
        """Count now and then."""
        while not stop.is_set():
            try:
                count = await self.count()
            except TryAgain as error:
                log.warning("cannot look for overdue payments", reason=str(error))
            else:
                metrics.overdue(count)
                if count:
                    log.error("payments were not judged in time", count=count)
            await pause(stop, INTERVAL_S)

    async def count(self) -> int:
        """How many payments are overdue now, up to a bound."""
        before = self._clock.now() - self._limit
        with bounded():
            return await self._payments.count_documents(
                {"state": "captured", "known_at": {"$lte": before}},
                limit=COUNT_MAX,
                hint="unjudged",
            )
