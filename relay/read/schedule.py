"""Publishes scheduled rows when the database's clock says that they are due.

A due row is claimed for this term before it is published, so that whoever drops one that is not
claimed knows that it never went out. A claim of any other term is void: what a relay claimed and
did not publish, because it died or lost its lease, is claimed anew. A row stays scheduled until it
is marked as published, so nothing has to find it again but this.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from postbox.mongo import Document
from postbox.runtime import crash_point
from relay.read.enqueuer import Enqueuer
from relay.read.rows import Rows
from relay.read.watchdog import Watchdog

LOOK_EVERY_S: Final = 0.5
"""A row that is added or sent now waits no longer than this to be seen."""
CLAIM_ROWS_MAX: Final = 500


class Schedule:
    """Claims one shard's due rows for one term, oldest first, and puts them into the window."""

    def __init__(self, rows: Rows, enqueuer: Enqueuer, watchdog: Watchdog, *, claim: str) -> None:
        self._rows = rows
        self._enqueuer = enqueuer
        self._watchdog = watchdog
        self._claim = claim

    async def run(self) -> None:
        """Publish what is due, forever. PyMongoError where the database is unavailable."""
        while True:
            with self._watchdog:
                first = await self._rows.first_scheduled(self._claim)
            wait_s = LOOK_EVERY_S if first is None else _wait_s(first)
            if first is None or wait_s > 0:
                await asyncio.sleep(min(wait_s, LOOK_EVERY_S))
                continue
            if not await self._publish_due(first["now"]):  # all of it is another shard's
                await asyncio.sleep(LOOK_EVERY_S)

    async def _publish_due(self, now: datetime) -> int:
        """Put what is due at `now` into the window; returns how many rows that are."""
        count = 0
        while True:
            with self._watchdog:
                ids = await self._rows.claim_due(now, self._claim, most=CLAIM_ROWS_MAX)
            if ids:
                crash_point("relay.claimed")
            async for row in self._watchdog.each(self._rows.claimed(ids, self._claim)):
                await self._enqueuer.enqueue_claimed(row)
            count += len(ids)
            if len(ids) < CLAIM_ROWS_MAX:
                return count


def _wait_s(first: Document) -> float:
    """How long until the row is due by the database's clock; one without a date is due."""
    at = first.get("deliver_at")
    wait = at - first["now"] if isinstance(at, datetime) else timedelta()
    return max(0.0, wait.total_seconds())
