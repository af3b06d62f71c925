"""Reads what is to be published: pending rows where no token is usable, then the change stream.

The rows decide what is pending; the token only saves reading them. No row is missed between the
two: a pass over the pending rows reads all that was committed up to a time T, and the stream starts
at T.
"""

import asyncio
import time
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo.asynchronous.change_stream import AsyncChangeStream, AsyncCollectionChangeStream
from pymongo.errors import OperationFailure

from postbox.mongo import DatabaseClock, Document
from postbox.outbox import event_id
from postbox.runtime import together
from relay import metrics
from relay.checkpoint import Token
from relay.context import SourceContext
from relay.errors import StreamUnusable, is_transient
from relay.publish import Window
from relay.read.enqueuer import Enqueuer, is_complete
from relay.read.rows import Rows, close
from relay.read.schedule import Schedule
from relay.read.watchdog import Watchdog
from relay.state import State, Status

REOPEN_PAUSE_S: Final = 1.0


class Reader:
    """Fills the window of one term. `claim` names the term in the scheduled rows that it claims."""

    def __init__(
        self, context: SourceContext, status: Status, rows: Rows, window: Window, *, claim: str
    ) -> None:
        self._client = context.database.client
        self._clock = DatabaseClock(self._client)
        self._options = context.options
        self._status = status
        self._rows = rows
        self._window = window
        self._watchdog = Watchdog(status)
        self._enqueuer = Enqueuer(context, status, rows, window, self._watchdog)
        self._schedule = Schedule(rows, self._enqueuer, self._watchdog, claim=claim)
        self._skip: set[Hashable] = set()
        self._added_token: Token | None = None
        self._sweep_due_s = time.monotonic() + self._options.sweep_every_s
        self._log = status.log

    async def run(self, token: Token | None) -> None:
        """Read from `token` on, forever. PyMongoError where the database is unavailable."""
        await together(self._prepare_and_read(token), self._watchdog.run())

    async def _prepare_and_read(self, token: Token | None) -> None:
        await self._prepare()
        await together(self._read(token), self._schedule.run())

    async def _read(self, token: Token | None) -> None:
        while True:
            try:
                if token is None:
                    token = await self._stream(start_at_operation_time=await self._backfill())
                else:
                    token = await self._stream(start_after=token)
            except StreamUnusable as error:
                self._log.error(
                    "the change stream cannot go on; all pending rows are read instead",
                    reason=str(error),
                )
                if token is None:  # it could not start without one either: do not spin
                    await asyncio.sleep(REOPEN_PAUSE_S)
                token = None
            else:
                self._log.critical(
                    "the outbox was dropped or renamed; what was pending in it is unreachable"
                )
                await self._prepare()

    async def _prepare(self) -> None:
        with self._watchdog:
            await self._rows.prepare()

    async def _backfill(self) -> Timestamp:
        """Publish all pending rows. Returns the time from which the stream has all others.

        Passes get shorter, until one is so short that its ids can be kept.
        """
        self._status.enter(State.BACKFILL)
        while True:
            start, count = await self._pass()
            self._log.info("the pending rows were read", rows=count)
            if count <= self._options.skip_max:
                return start
            await self._window.wait_marked()

    async def _pass(self) -> tuple[Timestamp, int]:
        count = 0
        self._skip.clear()
        async with self._client.start_session(causal_consistency=True) as session:
            with self._watchdog:
                await self._client.admin.command("ping", session=session)
            start = session.operation_time
            assert start is not None
            async for row in self._watchdog.each(self._rows.pending(session)):
                await self._enqueuer.enqueue(row)
                count += 1
                if count <= self._options.skip_max and isinstance(row["_id"], Hashable):
                    self._skip.add(row["_id"])
        return start, count

    async def _stream(self, **start: Any) -> Token:
        """Follow the stream until the collection is dropped or renamed. Returns the last token."""
        with self._watchdog:
            stream = await _open(self._rows, start)
        try:
            self._status.enter(State.STREAMING)
            while stream.alive:
                with self._watchdog:
                    change = await _next(stream)
                # A change's id is its token; the stream's own property would copy it each time.
                await self._handle(change, _token(stream) if change is None else change["_id"])
        finally:
            await close(stream)
        return _token(stream)

    async def _handle(self, change: Document | None, token: Token) -> None:
        if change is None:
            self._skip.clear()  # the stream has passed everything that the backfill saw
            if token != self._added_token:
                self._added_token = token
                self._window.add_token(token)
            await self._sweep_if_due(None)
            return
        row = change["fullDocument"]
        if self._skip and isinstance(row["_id"], Hashable) and row["_id"] in self._skip:
            self._enqueuer.skip(token)
        else:
            await self._enqueuer.enqueue(row, token, inserted_at=change["wallTime"])
        await self._sweep_if_due(change["wallTime"])

    async def _sweep_if_due(self, inserted_at: datetime | None) -> None:
        """Publish old rows that are pending although the stream is caught up."""
        if time.monotonic() < self._sweep_due_s:
            return
        self._sweep_due_s = time.monotonic() + self._options.sweep_every_s
        if inserted_at is not None and not await self._is_recent(inserted_at):
            return
        with self._watchdog:
            rows = await self._rows.missed(self._options.sweep_age_s)
        found = [row for row in rows if event_id(row["_id"]) not in self._window]
        for row in found:
            await self._enqueuer.enqueue(row)
        # A row that was parked, and that a person set back to pending, is expected here; and one
        # that the relay has not completed may be so new that the stream still brings it.
        missed = sum("parked" not in row and is_complete(row) for row in found)
        if missed:
            metrics.swept.add(missed, self._status.labels)
            self._log.error("the stream missed pending rows", rows=missed)

    async def _is_recent(self, inserted_at: datetime) -> bool:
        with self._watchdog:
            await self._clock.sync()
        return self._clock.now() - inserted_at < timedelta(seconds=self._options.sweep_age_s / 2)


async def _open(rows: Rows, start: dict[str, Any]) -> AsyncCollectionChangeStream[Document]:
    try:
        return await rows.watch(**start)
    except OperationFailure as error:
        raise _classified(error) from error


async def _next(stream: AsyncChangeStream[Document]) -> Document | None:
    try:
        return await stream.try_next()
    except OperationFailure as error:
        raise _classified(error) from error


def _token(stream: AsyncChangeStream[Document]) -> Token:
    token = stream.resume_token
    assert token is not None
    return token


def _classified(error: OperationFailure) -> Exception:
    """StreamUnusable for any error about the token, at opening or later."""
    if is_transient(error):
        return error
    return StreamUnusable(f"{error.code}: {error}")
