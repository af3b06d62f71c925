"""Marks what is confirmed, then moves the token: never a token ahead of a confirm."""

import asyncio
import time
from typing import Final

import pymongo

from postbox.runtime import crash_point
from relay import metrics
from relay.checkpoint import Term, Token
from relay.context import SourceContext
from relay.publish import Entry, Window
from relay.read import Rows
from relay.state import Status

MARK_ROWS_MAX: Final = 1_000
LINGER_BELOW_ROWS: Final = 200
LINGER_S: Final = 0.08
"""Few large updates cost less than many small ones. While the window has space, nothing waits."""
GATHER_S: Final = 0.02
"""While it has none, a short wait still makes them fewer."""
SAVE_EVERY_S: Final = 0.25
COMMAND_TIMEOUT_S: Final = 10.0
"""Past it the term ends: a connection may have died silently."""


class Marker:
    """Follows the contiguous confirmed prefix of a window."""

    def __init__(
        self, context: SourceContext, status: Status, term: Term, rows: Rows, window: Window
    ) -> None:
        self._status = status
        self._window = window
        self._rows = rows
        self._term = term
        self._idle_save_s = context.options.idle_save_s
        self._unsaved: Token | None = None
        self._saved_at_s = 0.0
        self._save_due_s = float("inf")

    async def run(self) -> None:
        """Mark and save, forever. LeaseLost once another relay has taken the lease."""
        while True:
            await self._window.wait_progress(self._until_save_s())
            await self._mark(await self._prefix())
            if self._save_due_s <= time.monotonic():
                await self.save()

    async def save(self) -> None:
        """Save the last token, if it is not saved yet; one that was cut off is saved again."""
        if self._unsaved is None:
            return
        self._saved_at_s = time.monotonic()
        with pymongo.timeout(COMMAND_TIMEOUT_S):
            await self._term.save(self._unsaved)
        self._unsaved = None
        self._save_due_s = float("inf")

    async def _prefix(self) -> list[Entry]:
        prefix = self._window.prefix(MARK_ROWS_MAX)
        if 0 < len(prefix) < LINGER_BELOW_ROWS:
            await self._window.wait_full(LINGER_S)
            await asyncio.sleep(GATHER_S)
            prefix = self._window.prefix(MARK_ROWS_MAX)
        return prefix

    async def _mark(self, prefix: list[Entry]) -> None:
        if not prefix:
            return
        ids = [entry.row_id for entry in prefix if entry.message is not None]
        if ids:
            crash_point("relay.confirmed")
            with pymongo.timeout(COMMAND_TIMEOUT_S):
                await self._rows.mark(ids)
            crash_point("relay.marked")
            metrics.published.add(len(ids), self._status.labels)
        token = next((entry.token for entry in reversed(prefix) if entry.token is not None), None)
        self._window.remove(prefix)
        if token is not None:
            self._unsaved = token
            every_s = SAVE_EVERY_S if ids else self._idle_save_s
            self._save_due_s = min(self._save_due_s, self._saved_at_s + every_s)

    def _until_save_s(self) -> float | None:
        if self._unsaved is None:
            return None
        return max(0.0, self._save_due_s - time.monotonic())
