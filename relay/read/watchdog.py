"""A question to MongoDB that hangs is noticed: shown at /readyz, then given up and asked anew.

A reader may hang although the database answers everything else: its one connection was cut off
without a word, and it would wait for as long as the operating system does.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, TypeVar

from pymongo.errors import NetworkTimeout

from relay.state import Status

T = TypeVar("T")
SHOWN_AFTER_S: Final = 4.0
GIVEN_UP_AFTER_S: Final = 8.0
"""Both longer than MongoDB takes to say that there is nothing new."""
WATCH_EVERY_S: Final = 0.5


class Watchdog:
    """How long the reader's current question, a block `with watchdog`, waits for its answer."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._asked_at_s: float | None = None

    def __enter__(self) -> None:
        self._asked_at_s = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._asked_at_s = None

    async def over(self, rows: AsyncIterator[T]) -> AsyncIterator[T]:
        """Each of `rows`; to wait for the next one is a question too."""
        while True:
            with self:
                row = await anext(rows, None)
            if row is None:
                return
            yield row

    async def watch(self) -> None:
        """Watch, forever. NetworkTimeout once a question has to be given up."""
        try:
            while True:
                await asyncio.sleep(WATCH_EVERY_S)
                asked_at_s = self._asked_at_s
                silent_s = 0.0 if asked_at_s is None else time.monotonic() - asked_at_s
                if silent_s > GIVEN_UP_AFTER_S:
                    raise NetworkTimeout(f"no answer for {silent_s:.0f} s")
                if silent_s > SHOWN_AFTER_S:
                    self._status.stream_failed(f"no answer for {silent_s:.0f} s")
                else:
                    self._status.stream_ok()
        finally:
            self._status.stream_ok()
