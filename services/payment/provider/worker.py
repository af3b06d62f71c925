"""The workers that run provider jobs: they find what is due, call the provider, never give up."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog
from pymongo import ASCENDING, IndexModel

from postbox.errors import TryAgain
from postbox.mongo import Database, DatabaseClock, Document, bounded, ensure_indexes
from postbox.runtime import crash_point, pause
from postbox.telemetry import CONVERSATION, annotate, context_of, flow_span, untraced
from services.payment.provider.jobs import Captures, ProviderJob, Refunds
from services.payment.rules.core import Outcome
from services.payment.work import Ledger

log = structlog.get_logger()
LOOK_EVERY_S = 1.0
"""What another process left due is found so late at most."""
LOOK_AGAIN_S = 0.1
"""While calls are under way: each leaves room when it ends, or is due again."""
CALLS_MAX = 32


class Worker:
    """Runs one kind of job. Several workers, of several processes, may run side by side."""

    def __init__(
        self, job: ProviderJob, database: Database, ledger: Ledger, clock: DatabaseClock
    ) -> None:
        self._job = job
        self._rows = database[job.collection]
        self._ledger = ledger
        self._clock = clock
        self._running: set[str] = set()
        self._is_woken = asyncio.Event()

    @staticmethod
    async def prepare(database: Database) -> None:
        """The indexes that find what is due without reading what is not."""
        earlier = {"owed": {"due_at": ASCENDING}}
        for job in (Refunds, Captures):
            due = IndexModel(
                [("due_at", ASCENDING)],
                name="due",
                partialFilterExpression={"state": job.state},
            )
            await ensure_indexes(database[job.collection], [due], earlier=earlier)

    def wake(self) -> None:
        """Look at once: a job was just committed."""
        self._is_woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Run what is due as soon as it is, as much as there is room for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wake_on(stop))
            while not stop.is_set():
                self._is_woken.clear()
                try:
                    due_in_s = self._begin(await self._first(), group)
                except TryAgain as error:
                    log.warning("provider jobs wait", kind=self._job.name, reason=str(error))
                    due_in_s = LOOK_EVERY_S
                await pause(self._is_woken, LOOK_AGAIN_S if self._running else due_in_s)

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.wake()

    def _begin(self, rows: Sequence[Document], group: asyncio.TaskGroup) -> float:
        """Begin those that are due; in how many seconds to look for the next."""
        now = self._clock.now()
        for row in rows[: CALLS_MAX - len(self._running)]:
            due_at: datetime | None = row["due_at"]
            if due_at is not None and due_at > now:
                return min(LOOK_EVERY_S, (due_at - now).total_seconds())
            self._running.add(row["_id"])
            group.create_task(self._run(row))
        return LOOK_EVERY_S

    async def _first(self) -> list[Document]:
        """The jobs that are due first, or soon."""
        with untraced(), bounded():
            found = (
                self._rows.find({"state": self._job.state, "_id": {"$nin": list(self._running)}})
                .hint("due")
                .sort("due_at", ASCENDING)
                .limit(CALLS_MAX)
            )
            return await found.to_list()

    async def _run(self, row: Document) -> None:
        """One job. Where the database is unavailable, the row is still due at the next look."""
        context = context_of(row["traceparent"])
        try:
            with flow_span(f"{self._job.name} at provider", context):
                outcome = await self._ask(row)
                annotate({CONVERSATION: row["intent_id"], "booking.decision": outcome.value})
        except TryAgain as error:
            log.warning(
                "a provider job waits",
                kind=self._job.name,
                id=row["_id"],
                intent_id=row["intent_id"],
                reason=str(error),
            )
        except Exception as error:
            log.error(
                "a provider job failed; it stays due",
                kind=self._job.name,
                id=row["_id"],
                intent_id=row["intent_id"],
                exc_info=error,
            )
        finally:
            self._running.discard(row["_id"])

    async def _ask(self, row: Document) -> Outcome:
        """What the last decision on it was."""
        claim = await self._ledger.decide(self._job.due(row, self._clock.now()))
        if claim.outcome is not Outcome.ATTEMPT:
            return claim.outcome
        crash_point("payment.attempted")
        row = {**row, "attempts": row["attempts"] + 1}
        answers = await self._job.ask(claim.state, row, self._clock.now())
        crash_point("payment.answered")
        decision = [await self._ledger.decide(answer) for answer in answers][-1]
        about = {
            "kind": self._job.name,
            "id": row["_id"],
            "intent_id": row["intent_id"],
            "attempts": row["attempts"],
        }
        if decision.outcome in (Outcome.RETRY, Outcome.STUCK):
            outcome = decision.outcome.value
            log.warning("the provider has to be asked again", **about, outcome=outcome)
        elif decision.outcome is Outcome.ALARM:
            log.error("the provider's answer contradicts what is known", **about)
        return decision.outcome
