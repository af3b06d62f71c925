"""One shard's candidate: waits for the lease, then publishes until it loses or releases it."""

import asyncio
import random
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from postbox.errors import SchemaMismatch
from postbox.mongo import reason
from postbox.outbox import Shard
from postbox.runtime import cancelled, first_of, pause, together
from relay import metrics
from relay.checkpoint import Term, keep_renewed
from relay.context import SourceContext
from relay.errors import LeaseLost, is_refused, is_transient
from relay.lead.quota import LeaderQuota, Permit
from relay.mark import Marker
from relay.publish import Sender, Window
from relay.read import Reader, Rows
from relay.state import State, Status

STANDBY_POLL_S: Final = 0.5
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 2.0
QUERY_TIMEOUT_S: Final = 3.0
RELEASE_TIMEOUT_S: Final = 1.0


class Candidate:
    """Competes for one shard's lease, and publishes while it holds it."""

    def __init__(
        self, context: SourceContext, shard: Shard, status: Status, quota: LeaderQuota
    ) -> None:
        self._context = context
        self._shard = shard
        self._quota = quota
        self._status = status
        self._checkpoint = context.checkpoint(shard)
        self._is_reported = False
        self._log = status.log

    async def run(self, stop: asyncio.Event) -> None:
        """One term after another. Whatever breaks, the next term starts from the saved token."""
        metrics.initialize(self._status.labels)
        delay_s = RETRY_FIRST_S
        while await self._quota.available():
            try:
                with self._quota.take() as permit:
                    has_led = await self._compete(permit)
                delay_s = RETRY_FIRST_S
                if not has_led:
                    await pause(stop, STANDBY_POLL_S * random.uniform(0.5, 1.0))
            except LeaseLost as error:
                self._log.warning("the lease is lost; standing by", reason=str(error))
            except SchemaMismatch as error:  # of this source alone: the others go on
                self._status.database_failed(str(error))
                self._log.error("the outbox cannot be relayed as it is", reason=str(error))
                await pause(stop, RETRY_MAX_S)
            except PyMongoError as error:
                self._status.database_failed(reason(error))
                self._report(error)
                await pause(stop, delay_s * random.uniform(0.5, 1.0))
                delay_s = min(RETRY_MAX_S, delay_s * 2)
            finally:
                self._status.enter(State.STANDBY)

    def _report(self, error: PyMongoError) -> None:
        if is_refused(error):
            self._log.error("the database refuses the relay", reason=reason(error))
        elif is_transient(error):
            self._log.warning("the database is unavailable", reason=reason(error))
        else:
            self._log.error("the database failed unexpectedly; retrying", exc_info=error)

    async def _compete(self, permit: Permit) -> bool:
        """Try once to take the lease, and lead while it is held. Returns whether it was taken."""
        with pymongo.timeout(QUERY_TIMEOUT_S):
            other_count, term = await self._take_lease()
        self._status.database_ok()
        if other_count and not self._is_reported:
            self._log.warning(
                "relays with another number of shards are running", shards=other_count
            )
        self._is_reported = other_count is not None
        if term is not None:
            await self._lead(term, permit.revoked)
        return term is not None

    async def _take_lease(self) -> tuple[int | None, Term | None]:
        """The lease, if it is free; or the number of shards of relays that divide differently."""
        if (other_count := await self._checkpoint.other_shard_count()) is not None:
            return other_count, None
        term = await self._checkpoint.take()
        if term is None:
            return None, None
        # A relay with another number may have looked at the same time, and seen nobody either.
        if (other_count := await self._checkpoint.other_shard_count()) is not None:
            await term.release()
            return other_count, None
        return None, term

    async def _lead(self, term: Term, revoked: asyncio.Event) -> None:
        """Publish for one term, until `revoked` is set. LeaseLost or PyMongoError end it early."""
        options = self._context.options
        self._log.info("took the lease", fence=term.fence, has_token=term.token is not None)
        rows = Rows(self._context.database, self._shard, collection=self._context.source.collection)
        window = Window(
            messages_max=options.window_messages_max, bytes_max=options.window_bytes_max
        )
        claim = f"{self._shard} {term.fence}"
        reader = Reader(self._context, self._status, rows, window, claim=claim)
        sender = Sender(self._context, self._status, term, window)
        marker = Marker(self._context, self._status, term, rows, window)
        reading = asyncio.ensure_future(reader.run(term.token))
        working = asyncio.ensure_future(
            together(sender.run(), marker.run(), keep_renewed(term, options.lease_s))
        )
        leaving = asyncio.ensure_future(_until_set(revoked))
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
        """Wait, no longer than `drain_s`, until all that was read is confirmed and marked."""
        empty = asyncio.ensure_future(window.wait_empty())
        try:
            async with asyncio.timeout(self._context.options.drain_s):
                await first_of(working, empty)
        except TimeoutError:
            self._log.warning(
                "not all rows could be published in time; they stay pending", rows=len(window)
            )
        finally:
            await cancelled(empty)

    async def _resign(self, marker: Marker, term: Term) -> None:
        with pymongo.timeout(RELEASE_TIMEOUT_S):
            await marker.save()
            await term.release()
        self._log.info("released the lease", fence=term.fence)


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()
