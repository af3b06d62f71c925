"""Reads ahead in the change stream: MongoDB prepares the next batch while this one is encoded.

Reading waits while two batches are held: the one that is worked off, and the one after it.
"""

import asyncio
from collections import deque
from typing import Final

from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.errors import OperationFailure

from postbox.mongo import Document
from postbox.runtime import cancelled
from relay.checkpoint import Token
from relay.errors import StreamUnusable, is_transient
from relay.read.rows import READ_BATCH_ROWS
from relay.read.watchdog import Timer

Change = tuple[Document | None, Token]
"""A change, None where there is none for now, and the token behind it."""
AHEAD_MAX: Final = 2 * READ_BATCH_ROWS
TURN_CHANGES: Final = 128
"""After so many, the sender has its turn: the broker works on them while the next are encoded."""


class Prefetch:
    """The changes of one stream, in order; what was read before an error comes before it."""

    def __init__(self, stream: AsyncChangeStream[Document], timer: Timer) -> None:
        self._stream = stream
        self._timer = timer
        self._ahead: deque[Change] = deque()
        self._count = 0
        self._has_more = asyncio.Event()
        self._has_space = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())

    async def next(self) -> Change | None:
        """The next change; None once the stream is over. Raises what reading raised."""
        while not self._ahead:
            if self._reading.done():
                self._reading.result()
                return None
            self._has_more.clear()
            await self._has_more.wait()
        change = self._ahead.popleft()
        self._has_space.set()
        self._count += 1
        if self._count % TURN_CHANGES == 0:
            await asyncio.sleep(0)
        return change

    async def close(self) -> None:
        await cancelled(self._reading)

    async def _read(self) -> None:
        try:
            while self._stream.alive:
                with self._timer:
                    change = await _next(self._stream)
                # A change's id is its token; the stream's own property would copy it each time.
                token = token_behind(self._stream) if change is None else change["_id"]
                self._ahead.append((change, token))
                self._has_more.set()
                while len(self._ahead) >= AHEAD_MAX:
                    self._has_space.clear()
                    await self._has_space.wait()
        finally:
            self._has_more.set()


async def _next(stream: AsyncChangeStream[Document]) -> Document | None:
    try:
        return await stream.try_next()
    except OperationFailure as error:
        raise classified(error) from error


def token_behind(stream: AsyncChangeStream[Document]) -> Token:
    """The token behind all that was read."""
    found = stream.resume_token
    assert found is not None
    return found


def classified(error: OperationFailure) -> Exception:
    """StreamUnusable for any error about the token, at opening or later."""
    if is_transient(error):
        return error
    return StreamUnusable(f"{error.code}: {error}")
