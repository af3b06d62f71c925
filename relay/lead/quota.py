"""How many shards of a source this process may lead at once: one permit a shard.

A candidate takes a permit before it asks for its shard's lease, and returns it when it does not get
the lease. A leader keeps its permit until the permit is revoked.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Permit:
    """The right to lead one shard. A leader resigns once `revoked` is set."""

    def __init__(self) -> None:
        self.revoked = asyncio.Event()


class LeaderQuota:
    """Limits how many shards this process leads. The limit may change at any time."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._taken: list[Permit] = []
        self._closed = False
        self._changed = asyncio.Event()

    def allow(self, count: int) -> None:
        """Set the limit. Where it is lower than before, the newest permits are revoked."""
        self._allowed = count
        for permit in self._taken[count:]:
            permit.revoked.set()
        self._changed.set()

    def close(self) -> None:
        """Revoke all permits and grant no more."""
        self._closed = True
        self.allow(0)

    async def available(self) -> bool:
        """Wait for a permit; False once the quota is closed."""
        while not self._closed and len(self._taken) >= self._allowed:
            self._changed.clear()
            await self._changed.wait()
        return not self._closed

    @contextmanager
    def take(self) -> Iterator[Permit]:
        """Hold a permit for the block."""
        permit = Permit()
        self._taken.append(permit)
        try:
            yield permit
        finally:
            self._taken.remove(permit)
            self._changed.set()
