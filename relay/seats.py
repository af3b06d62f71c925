"""How many shards of a source this process may lead at once: a seat for each.

A candidate sits down before it asks for its shard's lease, and gets up when it does not get it. Who
leads keeps its seat until it is asked back.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Seat:
    """One candidate's turn. Whoever leads on it resigns once `asked_back` is set."""

    def __init__(self) -> None:
        self.asked_back = asyncio.Event()


class Seats:
    """Limits how many shards this process leads; the limit may change at any time."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._taken: list[Seat] = []
        self._closed = False
        self._changed = asyncio.Event()

    def allow(self, count: int) -> None:
        """So many from now on. Those who sat down last are asked back where that is fewer."""
        self._allowed = count
        for seat in self._taken[count:]:
            seat.asked_back.set()
        self._changed.set()

    def close(self) -> None:
        """Ask all back, and give out no more."""
        self._closed = True
        self.allow(0)

    async def free(self) -> bool:
        """Wait for a seat; False once they are closed."""
        while not self._closed and len(self._taken) >= self._allowed:
            self._changed.clear()
            await self._changed.wait()
        return not self._closed

    @contextmanager
    def take(self) -> Iterator[Seat]:
        """Sit down on a free one."""
        seat = Seat()
        self._taken.append(seat)
        try:
            yield seat
        finally:
            self._taken.remove(seat)
            self._changed.set()
