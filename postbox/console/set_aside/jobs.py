"""Actions under way: they go on when the browser is closed, and end when they are stopped.

Each is in the audit before its first step and after its last one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

import structlog

from postbox.console.audit.log import AuditLog
from postbox.console.set_aside.places import Places
from postbox.console.set_aside.plans import Action, Plan
from postbox.console.sources import ask_one
from postbox.errors import PostboxError
from postbox.operations import DeadLetter, RowSelection, Selection, backlog, redrive
from postbox.outbox import PARKED, event_id

log: Final = structlog.get_logger()
JOBS_MAX: Final = 4
ROWS_AT_ONCE: Final = 500
END_AGAIN_S: Final = 2.0
Settle = Callable[..., Coroutine[Any, Any, None]]


class Stopped(Exception):
    """Somebody stopped it, or the console is to stop."""


class Job:
    """One action; `done` has, for each place of the plan, the ids for which it is."""

    def __init__(self, id_: str, plan: Plan, *, exchange: str, to_queue: str | None) -> None:
        self.id = id_
        self.plan = plan
        self.exchange = exchange
        self.to_queue = to_queue
        self.done: dict[str, list[str]] = {place: [] for place in plan.places}
        self.is_to_stop = False

    @property
    def done_count(self) -> int:
        return sum(map(len, self.done.values()))

    def finished(self, letter: DeadLetter) -> None:
        """Called with every message that is settled. Raises Stopped."""
        self.done[letter.queue].append(letter.id)
        self.heed()

    def heed(self) -> None:
        if self.is_to_stop:
            raise Stopped


class Jobs:
    """All that are under way."""

    def __init__(self, places: Places, audit: AuditLog | None) -> None:
        self._places = places
        self._audit = audit
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def are_possible(self) -> bool:
        """Whether there is an audit, without which nothing is done."""
        return self._audit is not None

    @property
    def is_full(self) -> bool:
        return len(self._jobs) >= JOBS_MAX

    def done_count(self, id_: str) -> int | None:
        """None where no action of this id is under way."""
        job = self._jobs.get(id_)
        return None if job is None else job.done_count

    def stop(self, id_: str) -> None:
        """Ends it after the message that is under way; what is done stays done."""
        if (job := self._jobs.get(id_)) is not None:
            job.is_to_stop = True

    async def start(self, plan: Plan, *, by: str, exchange: str, to_queue: str | None) -> str:
        """Write it down, and begin. DatabaseUnavailable where the audit cannot be written."""
        assert self._audit is not None, "asked before"
        to = f"queue {to_queue}" if to_queue else f"exchange {exchange}" if exchange else None
        id_ = await self._audit.begin(by=by, action=plan.action.value, places=plan.places, to=to)
        job = self._jobs[id_] = Job(id_, plan, exchange=exchange, to_queue=to_queue)
        task = asyncio.create_task(self._run(job, self._audit))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return id_

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then ends all jobs, and waits until the audit says so."""
        await stop.wait()
        for job in self._jobs.values():
            job.is_to_stop = True
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, job: Job, audit: AuditLog) -> None:
        state, problem = "failed", None
        try:
            for place, ids in job.plan.places.items():
                await self._settle(job, place, ids)
            state = "done"
        except Stopped:
            state = "stopped"
        except PostboxError as error:
            problem = str(error)
        finally:
            log.info("an action ended", audit_id=job.id, state=state, done=job.done_count)
            await self._write_down(job, audit, state, problem)
            del self._jobs[job.id]

    async def _write_down(self, job: Job, audit: AuditLog, state: str, problem: str | None) -> None:
        """The result; tried until it is written, or the console stops."""
        while True:
            try:
                done = list(job.done.values())
                await audit.end(job.id, state=state, done=done, problem=problem)
                return
            except PostboxError as error:
                log.warning("the audit could not be written", audit_id=job.id, reason=str(error))
                if job.is_to_stop:
                    return
                await asyncio.sleep(END_AGAIN_S)

    async def _settle(self, job: Job, place: str, ids: Sequence[str]) -> None:
        if place not in self._places.locks:
            await self._put_back(job, place, ids)
            return
        selection = Selection(ids=frozenset(ids))
        async with self._places.locks[place]:
            job.heed()
            settle = self._settling(job, place)
            await settle(self._places.uri, place, selection, done=job.finished)

    def _settling(self, job: Job, place: str) -> Settle:
        """What is done to the messages of one queue."""
        match job.plan.action:
            case Action.DROP:
                return redrive.drop
            case Action.SEND:
                return partial(redrive.redrive, exchange=job.exchange, to_queue=job.to_queue)
            case Action.REDRIVE:
                is_unrouted = place == self._places.unrouted
                exchange = self._places.exchange if is_unrouted else ""
                return partial(redrive.redrive, exchange=exchange)

    async def _put_back(self, job: Job, place: str, ids: Sequence[str]) -> None:
        source = self._places.sources.named(place)
        assert source is not None, "a plan names places that there are"
        for start in range(0, len(ids), ROWS_AT_ONCE):
            job.heed()
            wanted = RowSelection(ids=tuple(ids[start : start + ROWS_AT_ONCE]))
            of = {"collection": source.collection}
            read = partial(backlog.read, source.database, PARKED, wanted, most=ROWS_AT_ONCE, **of)
            parked = await ask_one(read)
            await ask_one(partial(backlog.retry, source.database, wanted, **of))
            job.done[place] += [event_id(row["_id"]) or str(row["_id"]) for row in parked]
