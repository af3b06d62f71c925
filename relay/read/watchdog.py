"""Notices a MongoDB command that hangs: reports it at /readyz, then ends the term.

A reader may hang although the database answers everything else: its one connection died silently,
and it would wait for as long as the operating system does.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, TypeVar

from pymongo.errors import NetworkTimeout

from relay.state import Status

T = TypeVar("T")
REPORT_AFTER_S: Final = 4.0
GIVE_UP_AFTER_S: Final = 8.0
"""Both longer than MongoDB waits before it replies that there is nothing new."""
CHECK_EVERY_S: Final = 0.5


class Watchdog:
    """Times the current command of each of the reader's tasks, which is a block `with watchdog`."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._sent_at_s: dict[asyncio.Task[Any] | None, float] = {}

    def __enter__(self) -> None:
        self._sent_at_s[asyncio.current_task()] = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sent_at_s.pop(asyncio.current_task(), None)

    async def each(self, rows: AsyncIterator[T]) -> AsyncIterator[T]:
        """Each of `rows`; waiting for the next one is a command too."""
        while True:
            with self:
                row = await anext(rows, None)
            if row is None:
                return
            yield row

    async def run(self) -> None:
        """Check, forever. NetworkTimeout once a command has hung for too long."""
        try:
            while True:
                await asyncio.sleep(CHECK_EVERY_S)
                now_s = time.monotonic()
                waited_s = now_s - min(self._sent_at_s.values(), default=now_s)
                if waited_s > GIVE_UP_AFTER_S:
                    raise NetworkTimeout(f"no reply for {waited_s:.0f} s")
                if waited_s > REPORT_AFTER_S:
                    self._status.stream_failed(f"no reply for {waited_s:.0f} s")
                else:
                    self._status.stream_ok()
        finally:
            self._status.stream_ok()
