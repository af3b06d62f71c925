"""Reads what is to be published: pending rows where no token is usable, then the change stream.

Rows are the truth, the token is an optimisation. No row is missed between the two: a pass over the
pending rows reads at least what was committed up to a time T, and the stream starts at T.
"""

import asyncio
import time
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo.asynchronous.change_stream import AsyncChangeStream, AsyncCollectionChangeStream
from pymongo.errors import OperationFailure

from postbox.mongo import Database, DatabaseClock, Document
from postbox.outbox import event_id
from relay import metrics
from relay.checkpoint import Token
from relay.database_errors import is_passing
from relay.errors import StreamUnusable
from relay.options import Options
from relay.publish import Window
from relay.read.intake import Intake
from relay.read.rows import Rows, close
from relay.read.watchdog import Watchdog
from relay.state import State, Status

REOPEN_PAUSE_S: Final = 1.0


class Reader:
    """Fills the window of one term."""

    def __init__(
        self,
        database: Database,
        rows: Rows,
        intake: Intake,
        watchdog: Watchdog,
        window: Window,
        status: Status,
        options: Options,
    ) -> None:
        self._client = database.client
        self._clock = DatabaseClock(database.client)
        self._rows = rows
        self._window = window
        self._status = status
        self._options = options
        self._intake = intake
        self._watchdog = watchdog
        self._skip: set[Hashable] = set()
        self._bookmarked: Token | None = None
        self._sweep_due_s = time.monotonic() + options.sweep_every_s
        self._log = status.log

    async def run(self, token: Token | None) -> None:
        """Read from `token` on, forever. PyMongoError where the database is unavailable."""
        await self._prepare()
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
                if token is None:  # nor could it start afresh: do not go round without a pause
                    await asyncio.sleep(REOPEN_PAUSE_S)
                token = None
            else:
                self._log.critical(
                    "the outbox was dropped or renamed; what was pending in it is out of reach"
                )
                await self._prepare()

    async def _prepare(self) -> None:
        with self._watchdog:
            await self._rows.prepare()

    async def _backfill(self) -> Timestamp:
        """Publish all pending rows; returns the time from which the stream has all the others.

        Passes get shorter, until one is so short that its ids can be remembered.
        """
        self._status.enter(State.BACKFILL)
        while True:
            start, count = await self._pass()
            self._log.info("the pending rows were read", rows=count)
            if count <= self._options.skip_max:
                return start
            await self._window.emptied()

    async def _pass(self) -> tuple[Timestamp, int]:
        count = 0
        self._skip.clear()
        async with self._client.start_session(causal_consistency=True) as session:
            with self._watchdog:
                await self._client.admin.command("ping", session=session)
            start = session.operation_time
            assert start is not None
            with self._watchdog:
                await self._clock.sync()
            for rows in (self._rows.pending(session), self._rows.without_state(session)):
                async for row in self._watchdog.over(rows):
                    await self._intake.admit(row, inserted_at=self._clock.now())
                    count += 1
                    if count <= self._options.skip_max and isinstance(row["_id"], Hashable):
                        self._skip.add(row["_id"])
        return start, count

    async def _stream(self, **start: Any) -> Token:
        """Follow the stream until the collection is dropped or renamed; the token behind that."""
        with self._watchdog:
            stream = await _open(self._rows, start)
        try:
            self._status.enter(State.STREAMING)
            while stream.alive:
                with self._watchdog:
                    change = await _next(stream)
                # A change's id is the token behind it; asking the stream would copy that each time.
                await self._take(change, _token(stream) if change is None else change["_id"])
        finally:
            await close(stream)
        return _token(stream)

    async def _take(self, change: Document | None, token: Token) -> None:
        if change is None:
            self._skip.clear()  # the stream has passed everything that the backfill saw
            if token != self._bookmarked:
                self._bookmarked = token
                self._window.bookmark(token)
            await self._sweep_if_due(None)
            return
        row = change["fullDocument"]
        if isinstance(row["_id"], Hashable) and row["_id"] in self._skip:
            self._intake.skip(token)
        else:
            await self._intake.admit(row, token, inserted_at=change["wallTime"])
        await self._sweep_if_due(row)

    async def _sweep_if_due(self, last: Document | None) -> None:
        """Publish old pending rows, if there are any although the stream is caught up."""
        if time.monotonic() < self._sweep_due_s:
            return
        self._sweep_due_s = time.monotonic() + self._options.sweep_every_s
        if last is not None and not await self._is_recent(last):
            return
        with self._watchdog:
            rows = await self._rows.overlooked(self._options.sweep_age_s)
        found = [row for row in rows if event_id(row["_id"]) not in self._window]
        for row in found:
            await self._intake.admit(row, inserted_at=self._clock.now())
        # A row that was parked, and set back by a person, comes this way as a matter of course.
        overlooked = sum("parked" not in row for row in found)
        if overlooked:
            metrics.swept.add(overlooked, self._status.labels)
            self._log.error("pending rows had been overlooked by the stream", rows=overlooked)

    async def _is_recent(self, row: Document) -> bool:
        with self._watchdog:
            await self._clock.sync()
        written_at = row.get("time")
        limit = timedelta(seconds=self._options.sweep_age_s / 2)
        return isinstance(written_at, datetime) and self._clock.now() - written_at < limit


async def _open(rows: Rows, start: dict[str, Any]) -> AsyncCollectionChangeStream[Document]:
    try:
        return await rows.watch(**start)
    except OperationFailure as error:
        raise _meant(error) from error


async def _next(stream: AsyncChangeStream[Document]) -> Document | None:
    try:
        return await stream.try_next()
    except OperationFailure as error:
        raise _meant(error) from error


def _token(stream: AsyncChangeStream[Document]) -> Token:
    token = stream.resume_token
    assert token is not None
    return token


def _meant(error: OperationFailure) -> Exception:
    """StreamUnusable for whatever the server has against the token, be it at opening or later."""
    if is_passing(error):
        return error
    return StreamUnusable(f"{error.code}: {error}")
