"""The sweeper: a booking whose deadline has passed is decided on like on any other event.

Deadlines are judged by the database's clock alone. After a start or an outage the sweeper waits
until the backlog of the queue has been worked off: a payment that was made in time may lie in it.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

import structlog
from pymongo import ASCENDING, IndexModel

from postbox.errors import TryAgain
from postbox.mongo import Database, DatabaseClock, Document, Session, ensure_indexes, transaction
from postbox.outbox import Outbox
from postbox.runtime import pause
from postbox.telemetry import context_of, flow_span, untraced
from services.booking import metrics
from services.booking.rules.table import DeadlinePassed
from services.booking.work import Judged, Timeouts, Work

log = structlog.get_logger()
INTERVAL_S = 0.5
BATCH_MAX = 64
BACKLOG_WAIT_MAX_S = 300.0


class Sweeper:
    """Feeds `DeadlinePassed` to the bookings that are due."""

    def __init__(
        self, database: Database, outbox: Outbox, clock: DatabaseClock, timeouts: Timeouts
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._timeouts = timeouts

    @staticmethod
    async def prepare(database: Database) -> None:
        """The index that finds what is due without reading what is not."""
        due = IndexModel(
            [("deadline_at", ASCENDING)],
            name="due",
            partialFilterExpression={"deadline_at": {"$type": "date"}},
        )
        await ensure_indexes(database["bookings"], [due])

    async def run(self, stop: asyncio.Event, is_caught_up: Callable[[], bool]) -> None:
        """Sweep twice a second, as long as the consumer is not behind."""
        behind_since = monotonic()
        while not await pause(stop, INTERVAL_S):
            if is_caught_up():
                behind_since = monotonic()
            elif monotonic() - behind_since < BACKLOG_WAIT_MAX_S:
                continue
            try:
                while await self.sweep() == BATCH_MAX:
                    if stop.is_set():
                        return
            except TryAgain as error:
                log.warning("deadlines wait", reason=str(error))

    async def sweep(self) -> int:
        """Decide on up to one batch of due bookings, in one transaction; returns how many."""

        async def body(session: Session) -> list[Judged]:
            due = await self._due(session)
            inputs = [DeadlinePassed(intent_id=one["_id"]) for one in due]
            now = self._clock.now()
            work = await Work.read(session, self._database, inputs, self._timeouts, now)
            rows: list[Document] = []
            judged = []
            for one, row in zip(inputs, due, strict=True):
                with flow_span("deadline", context_of(row["deadline_traceparent"])) as span:
                    decided = work.decide(one)
                    span.set_attribute("booking.decision", decided.outcome)
                    rows += self._outbox.rows(decided.facts)
                judged.append(decided)
            await work.write(session)
            await self._outbox.insert(session, rows)
            return judged

        with untraced():
            judged = await transaction(self._database.client, body)
        metrics.judged(judged)
        return len(judged)

    async def _due(self, session: Session) -> list[Document]:
        found = (
            self._database["bookings"]
            .find(
                {
                    "deadline_at": {"$type": "date"},
                    "$expr": {"$lte": ["$deadline_at", "$$NOW"]},
                },
                {"deadline_traceparent": 1},
                session=session,
            )
            .hint("due")
            .limit(BATCH_MAX)
        )
        return await found.to_list()
