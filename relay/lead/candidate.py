"""One shard's candidate: stands by for the lease, then publishes until it loses or returns it."""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from postbox.mongo import Database
from postbox.outbox import Shard
from postbox.runtime import cancelled, first_of, pause, together
from relay import metrics
from relay.checkpoint import Checkpoint, Term, keep
from relay.database_errors import is_passing, is_refused
from relay.errors import LeaseLost
from relay.lead.quota import LeaderQuota, Permit
from relay.mark import Marker
from relay.options import Options
from relay.publish import Sender, Window
from relay.read import Intake, Reader, Rows, Watchdog
from relay.state import State, Status

STANDBY_POLL_S: Final = 0.5
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 2.0
QUESTION_TIMEOUT_S: Final = 3.0
RELEASE_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """The source's servers and options; its candidates share the database's connections."""

    database: Database
    rabbitmq_uri: str
    exchange: str
    holder: str
    options: Options


class Candidate:
    """Competes for one shard's lease, and publishes while it holds it."""

    def __init__(
        self, context: SourceContext, shard: Shard, status: Status, quota: LeaderQuota
    ) -> None:
        self._context = context
        self._options = context.options
        self._shard = shard
        self._quota = quota
        self._status = status
        self._checkpoint = Checkpoint(
            context.database, shard, holder=context.holder, lease_s=context.options.lease_s
        )
        self._is_told = False
        self._log = status.log

    async def run(self, stop: asyncio.Event) -> None:
        """One term after another: whatever breaks, the next one starts from what was saved."""
        metrics.begin(self._status.labels)
        delay_s = RETRY_FIRST_S
        while await self._quota.available():
            try:
                with self._quota.take() as permit:
                    has_led = await self._turn(permit)
                delay_s = RETRY_FIRST_S
                if not has_led:
                    await pause(stop, STANDBY_POLL_S * random.uniform(0.5, 1.0))
            except LeaseLost as error:
                self._log.warning("the lease is lost; standing by", reason=str(error))
            except PyMongoError as error:
                self._status.database_failed(f"{type(error).__name__}: {error}")
                self._tell(error)
                await pause(stop, delay_s * random.uniform(0.5, 1.0))
                delay_s = min(RETRY_MAX_S, delay_s * 2)
            finally:
                self._status.enter(State.STANDBY)

    def _tell(self, error: PyMongoError) -> None:
        if is_refused(error):
            self._log.error("the database refuses the relay", reason=str(error))
        elif is_passing(error):
            self._log.warning("the database is unavailable", reason=str(error))
        else:
            self._log.error("the database failed us; trying again", exc_info=error)

    async def _turn(self, permit: Permit) -> bool:
        """Ask for the lease once, and lead where it is ours; whether it was."""
        with pymongo.timeout(QUESTION_TIMEOUT_S):
            division, term = await self._ask()
        self._status.database_ok()
        if division and not self._is_told:
            self._log.warning("relays that divide the source otherwise are at work", into=division)
        self._is_told = division is not None
        if term is not None:
            await self._lead(term, permit.revoked)
        return term is not None

    async def _ask(self) -> tuple[int | None, Term | None]:
        """How others divide the source at this moment; only where none does, the lease."""
        if (division := await self._checkpoint.other_division()) is not None:
            return division, None
        term = await self._checkpoint.take()
        # One of another division may have asked at the same time and got the same answer.
        if term is not None and (division := await self._checkpoint.other_division()) is not None:
            await term.release()
            return division, None
        return None, term

    async def _lead(self, term: Term, leave: asyncio.Event) -> None:
        """Publish for one term. Returns when asked to; LeaseLost or PyMongoError otherwise."""
        options = self._options
        self._log.info("took the lease", fence=term.fence, has_token=term.token is not None)
        rows = Rows(self._context.database, self._shard)
        window = Window(
            messages_max=options.window_messages_max, bytes_max=options.window_bytes_max
        )
        watchdog = Watchdog(self._status)
        intake = Intake(self._status, rows, window, watchdog, exchange=self._context.exchange)
        reader = Reader(
            self._context.database, rows, intake, watchdog, window, self._status, options
        )
        sender = Sender(
            self._context.rabbitmq_uri,
            window,
            term,
            self._status,
            exchange=self._context.exchange,
            deadline_s=options.publish_deadline_s,
        )
        marker = Marker(self._status, window, rows, term, idle_save_s=options.idle_save_s)
        reading = asyncio.ensure_future(reader.run(term.token))
        working = asyncio.ensure_future(
            together(sender.run(), marker.run(), keep(term, options.lease_s), watchdog.watch())
        )
        leaving = asyncio.ensure_future(_set(leave))
        metrics.leader.set(1, self._status.labels)
        try:
            await first_of(reading, working, leaving)
            await cancelled(reading)
            self._status.enter(State.DRAINING)
            await self._drain(window, working)
            await cancelled(working)
            await self._resign(marker, term)
        finally:
            metrics.leader.set(0, self._status.labels)
            await cancelled(reading, working, leaving)
            window.abandon()

    async def _drain(self, window: Window, working: "asyncio.Future[None]") -> None:
        """Wait until everything read is confirmed and marked, but not for long."""
        emptied = asyncio.ensure_future(window.emptied())
        try:
            async with asyncio.timeout(self._options.drain_s):
                await first_of(working, emptied)
        except TimeoutError:
            self._log.warning(
                "not all rows could be published in time; they stay pending", rows=len(window)
            )
        finally:
            await cancelled(emptied)

    async def _resign(self, marker: Marker, term: Term) -> None:
        with pymongo.timeout(RELEASE_TIMEOUT_S):
            await marker.save()
            await term.release()
        self._log.info("released the lease", fence=term.fence)


async def _set(event: asyncio.Event) -> None:
    await event.wait()
