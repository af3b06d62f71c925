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

    WAITING = "waiting"  # to be sent, for the first time or again
    IN_FLIGHT = "in flight"  # written, not yet settled
    DONE = "done"  # confirmed, or nothing to send


@dataclass(slots=True, eq=False)
class Entry:
    """A row to publish or, without a message, a resume token alone."""

    number: int
    message: Outgoing | None
    token: Token | None
    span: PublishSpan | None = None
    row_id: object = None
    phase: Phase = Phase.WAITING
    sent_at_s: float = 0.0
    attempts: int = 0
    is_timed: bool = False

    def __lt__(self, other: "Entry") -> bool:
        return self.number < other.number


class Window:
    """The bounded, ordered list of rows between being read and being marked.

    One reader adds, one sender takes and settles, one marker removes.
    """

    def __init__(self, *, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._entries: deque[Entry] = deque()
        self._unsent: deque[Entry] = deque()
        self._retries: list[Entry] = []
        self._in_flight: dict[str, Entry] = {}
        self._ids: set[str] = set()
        self._bytes = 0
        self._number = 0
        self._rejected = 0
        self._has_space = asyncio.Event()
        self._is_full = asyncio.Event()
        self._has_sendable = asyncio.Event()
        self._has_progress = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._has_removed = asyncio.Event()
        self._has_space.set()
        self._is_empty.set()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, event_id: object) -> bool:
        return isinstance(event_id, str) and event_id in self._ids

    @property
    def oldest_sent_at_s(self) -> float | None:
        """When the oldest message that is in flight was written, by the loop's clock."""
        return next((entry.sent_at_s for entry in self._in_flight.values()), None)

    @property
    def has_rejected(self) -> bool:
        """Whether any message waits that the broker has rejected and not yet accepted."""
        return self._rejected > 0

    # --- the reader's side

    async def wait_for_space(self) -> None:
        """Wait until there is space for one more."""
        await self._has_space.wait()

    def add(
        self,
        message: Outgoing,
        token: Token | None,
        span: PublishSpan | None = None,
        *,
        row_id: object = None,
    ) -> None:
        """Append a message, with the token that stands right behind it where there is one.

        `row_id` is the row's own id where that is not the message's.
        """
        entry = self._append(message, token)
        entry.span = span
        entry.row_id = message.message_id if row_id is None else row_id
        self._ids.add(message.message_id)
        self._bytes += len(message.body)
        self._unsent.append(entry)
        self._has_sendable.set()
        self._signal_space()

    def add_token(self, token: Token) -> None:
        """Record that the stream was read up to `token` with nothing more to send."""
        if self._entries and self._entries[-1].message is None:
            self._entries[-1].token = token
        else:
            self._append(None, token).phase = Phase.DONE
        self._signal_progress()

    async def wait_empty(self) -> None:
        """Wait until all is done and marked."""
        await self._is_empty.wait()

    async def wait_marked(self) -> None:
        """Wait until all that is in it by now is done and marked, whatever is added meanwhile."""
        last = self._number
        while self._entries and self._entries[0].number <= last:
            self._has_removed.clear()
            await self._has_removed.wait()

    # --- the sender's side

    async def wait_sendable(self) -> None:
        """Wait until there is something to send."""
        await self._has_sendable.wait()

    def take(self, count_max: int, now_s: float) -> list[Entry]:
        """The next messages to write, retries first. They are in flight from now on."""
        batch: list[Entry] = []
        while self._retries and len(batch) < count_max:
            batch.append(heapq.heappop(self._retries))
        while self._unsent and len(batch) < count_max:
            batch.append(self._unsent.popleft())
        for entry in batch:
            assert entry.message is not None
            entry.phase = Phase.IN_FLIGHT
            entry.sent_at_s = now_s
            self._in_flight[entry.message.message_id] = entry
        if not self._retries and not self._unsent:
            self._has_sendable.clear()
        return batch

    def settle(self, event_id: str, outcome: Outcome) -> Entry:
        """Record the broker's answer; a rejected message is sent again after a delay."""
        entry = self._in_flight.pop(event_id)
        if outcome is Outcome.CONFIRMED:
            entry.phase = Phase.DONE
            self._rejected -= entry.attempts > 0
            if entry is self._entries[0]:
                self._has_progress.set()
        else:
            entry.phase = Phase.WAITING
            delay_s = min(RETRY_MAX_S, RETRY_FIRST_S * 2**entry.attempts)
            self._rejected += entry.attempts == 0
            entry.attempts += 1
            asyncio.get_running_loop().call_later(delay_s, self._retry, entry)
        return entry

    def requeue_in_flight(self) -> int:
        """The channel is closed: all that is in flight is to be sent again. Returns how many."""
        lost = list(self._in_flight.values())
        self._in_flight.clear()
        for entry in lost:
            entry.phase = Phase.WAITING
            self._retry(entry)
        return len(lost)

    # --- the marker's side

    async def wait_full(self, timeout_s: float) -> None:
        """Wait until there is no space for one more, at most `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._is_full.wait()

    async def wait_progress(self, timeout_s: float | None) -> None:
        """Wait until the prefix may have grown, at most `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._has_progress.wait()

    def prefix(self, count_max: int) -> list[Entry]:
        """The oldest entries that are done without a gap. They stay until they are removed."""
        self._has_progress.clear()
        done = takewhile(lambda entry: entry.phase is Phase.DONE, self._entries)
        return list(islice(done, count_max))

    def remove(self, prefix: Sequence[Entry]) -> None:
        """Remove a prefix that was marked."""
        for entry in prefix:
            first = self._entries.popleft()
            assert first is entry
            if entry.message is not None:
                self._bytes -= len(entry.message.body)
                self._ids.discard(entry.message.message_id)
        self._has_removed.set()
        self._signal_space()
        self._signal_progress()

    def abandon(self) -> None:
        """The term is over: the next leader sends again what is not confirmed."""
        for entry in self._entries:
            if entry.span is not None and entry.phase is not Phase.DONE:
                entry.span.add_event("given up")
                entry.span.end()

    # --- internals

    def _append(self, message: Outgoing | None, token: Token | None) -> Entry:
        self._number += 1
        entry = Entry(self._number, message, token)
        self._entries.append(entry)
        self._is_empty.clear()
        return entry

    def _retry(self, entry: Entry) -> None:
        heapq.heappush(self._retries, entry)
        self._has_sendable.set()

    def _signal_progress(self) -> None:
        if not self._entries:
            self._is_empty.set()
        elif self._entries[0].phase is Phase.DONE:
            self._has_progress.set()

    def _signal_space(self) -> None:
        if len(self._entries) < self._messages_max and self._bytes < self._bytes_max:
            self._has_space.set()
            self._is_full.clear()
        else:
            self._has_space.clear()
            self._is_full.set()
