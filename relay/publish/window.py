"""What was read and is not yet marked: in order, bounded, and done only as a contiguous prefix.

Confirms come in any order. A row is marked, and the token moved past it, only when it and all rows
before it are done. A message is in flight at most once at a time.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import islice, takewhile
from typing import Final

from postbox.rabbitmq import Outcome, Outgoing
from relay.checkpoint import Token
from relay.publish.spans import PublishSpan

RETRY_FIRST_S: Final = 0.05
RETRY_MAX_S: Final = 1.0


class Phase(Enum):
    """Where an entry is."""

    WAITING = "waiting"  # to be sent, or to be sent again
    IN_FLIGHT = "in flight"  # written, not yet settled
    DONE = "done"  # confirmed, or nothing to send


@dataclass(slots=True, eq=False)
class Entry:
    """A row to publish, or without a message a bookmark: how far the stream was read."""

    number: int
    message: Outgoing | None
    token: Token | None
    span: PublishSpan | None = None
    row_id: object = None
    fill_time: datetime | None = None
    phase: Phase = Phase.WAITING
    sent_at_s: float = 0.0
    tries: int = 0
    is_timed: bool = False

    def __lt__(self, other: "Entry") -> bool:
        return self.number < other.number


class Window:
    """The bounded, ordered list of rows between being read and being marked.

    One reader adds, one sender takes and settles, one marker forgets.
    """

    def __init__(self, *, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._entries: deque[Entry] = deque()
        self._fresh: deque[Entry] = deque()
        self._again: list[Entry] = []
        self._in_flight: dict[str, Entry] = {}
        self._ids: set[str] = set()
        self._bytes = 0
        self._number = 0
        self._refused = 0
        self._room = asyncio.Event()
        self._full = asyncio.Event()
        self._sendable = asyncio.Event()
        self._progress = asyncio.Event()
        self._empty = asyncio.Event()
        self._room.set()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, event_id: object) -> bool:
        return isinstance(event_id, str) and event_id in self._ids

    @property
    def oldest_sent_at_s(self) -> float | None:
        """When the oldest message that is in flight was written, by the loop's clock."""
        return next((entry.sent_at_s for entry in self._in_flight.values()), None)

    @property
    def is_refused(self) -> bool:
        """Whether any message waits that the broker has refused, and not yet taken."""
        return self._refused > 0

    # --- the reader's side

    async def room(self) -> None:
        """Wait until there is room for one more."""
        await self._room.wait()

    def add(
        self,
        message: Outgoing,
        token: Token | None,
        span: PublishSpan | None = None,
        *,
        row_id: object = None,
        fill_time: datetime | None = None,
    ) -> None:
        """Append a message, with the token that stands right behind it where there is one.

        `row_id` is the row's own where that is not the message's; `fill_time` becomes its time.
        """
        entry = self._append(message, token)
        entry.span = span
        entry.row_id = message.message_id if row_id is None else row_id
        entry.fill_time = fill_time
        self._ids.add(message.message_id)
        self._bytes += len(message.body)
        self._fresh.append(entry)
        self._sendable.set()
        self._limit()

    def bookmark(self, token: Token) -> None:
        """Note that the stream was read up to `token` with nothing more to send."""
        if self._entries and self._entries[-1].message is None:
            self._entries[-1].token = token
        else:
            self._append(None, token).phase = Phase.DONE
        self._notice_progress()

    async def emptied(self) -> None:
        """Wait until all is done and marked."""
        await self._empty.wait()

    # --- the sender's side

    async def sendable(self) -> None:
        """Wait until there is something to send."""
        await self._sendable.wait()

    def take(self, count_max: int, now_s: float) -> list[Entry]:
        """The next messages to write, those to be sent again first. They are in flight now."""
        batch: list[Entry] = []
        while self._again and len(batch) < count_max:
            batch.append(heapq.heappop(self._again))
        while self._fresh and len(batch) < count_max:
            batch.append(self._fresh.popleft())
        for entry in batch:
            assert entry.message is not None
            entry.phase = Phase.IN_FLIGHT
            entry.sent_at_s = now_s
            self._in_flight[entry.message.message_id] = entry
        if not self._again and not self._fresh:
            self._sendable.clear()
        return batch

    def settle(self, event_id: str, outcome: Outcome) -> Entry:
        """Note what the broker made of a message; a refused one is sent again after a while."""
        entry = self._in_flight.pop(event_id)
        if outcome is Outcome.CONFIRMED:
            entry.phase = Phase.DONE
            self._refused -= entry.tries > 0
            if entry is self._entries[0]:
                self._progress.set()
        else:
            entry.phase = Phase.WAITING
            delay_s = min(RETRY_MAX_S, RETRY_FIRST_S * 2**entry.tries)
            self._refused += entry.tries == 0
            entry.tries += 1
            asyncio.get_running_loop().call_later(delay_s, self._send_again, entry)
        return entry

    def rewind(self) -> int:
        """The channel is gone: all that was in flight is to be sent again. Returns how many."""
        lost = list(self._in_flight.values())
        self._in_flight.clear()
        for entry in lost:
            entry.phase = Phase.WAITING
            self._send_again(entry)
        return len(lost)

    # --- the marker's side

    async def filled(self, timeout_s: float) -> None:
        """Wait until there is no room for one more, at most `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._full.wait()

    async def progress(self, timeout_s: float | None) -> None:
        """Wait until the prefix may have grown, at most `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._progress.wait()

    def prefix(self, count_max: int) -> list[Entry]:
        """The entries from the left that are done without a gap; they stay until forgotten."""
        self._progress.clear()
        done = takewhile(lambda entry: entry.phase is Phase.DONE, self._entries)
        return list(islice(done, count_max))

    def forget(self, prefix: Sequence[Entry]) -> None:
        """Drop a prefix that was marked."""
        for entry in prefix:
            first = self._entries.popleft()
            assert first is entry
            if entry.message is not None:
                self._bytes -= len(entry.message.body)
                self._ids.discard(entry.message.message_id)
        self._limit()
        self._notice_progress()

    def abandon(self) -> None:
        """The term is over: whoever leads next sends again what is not confirmed."""
        for entry in self._entries:
            if entry.span is not None and entry.phase is not Phase.DONE:
                entry.span.add_event("given up")
                entry.span.end()

    # --- inside

    def _append(self, message: Outgoing | None, token: Token | None) -> Entry:
        self._number += 1
        entry = Entry(self._number, message, token)
        self._entries.append(entry)
        self._empty.clear()
        return entry

    def _send_again(self, entry: Entry) -> None:
        heapq.heappush(self._again, entry)
        self._sendable.set()

    def _notice_progress(self) -> None:
        if not self._entries:
            self._empty.set()
        elif self._entries[0].phase is Phase.DONE:
            self._progress.set()

    def _limit(self) -> None:
        if len(self._entries) < self._messages_max and self._bytes < self._bytes_max:
            self._room.set()
            self._full.clear()
        else:
            self._room.clear()
            self._full.set()
