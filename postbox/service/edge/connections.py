"""All connections of one server: how many there are, and which of them wait for their clients.

A server has a place for a request as long as a single connection waits for its client: the one
that has waited longest makes room. One that waits too long is closed.
"""

import asyncio
from typing import Final, Protocol

from postbox.service.edge.limits import HttpLimits

LOOK_S: Final = 0.5


class Connection(Protocol):
    """One client's."""

    @property
    def can_make_room(self) -> bool:
        """Whether nothing that was asked for here is lost if it is closed now."""
        ...

    def make_room(self) -> None: ...

    def waited_too_long(self) -> None: ...


class Connections:
    """Keeps within `limits`; each connection reports what becomes of it."""

    def __init__(self, limits: HttpLimits) -> None:
        self.limits = limits
        self._open: set[Connection] = set()
        self._until: dict[Connection, float] = {}  # who waits, the longest first
        self._loop = asyncio.get_running_loop()

    def opened(self, connection: Connection) -> bool:
        """Whether there is a place for it."""
        if len(self._open) >= self.limits.connections_max and not self._make_room():
            return False
        self._open.add(connection)
        self.waits(connection, self.limits.idle_s)
        return True

    def waits(self, connection: Connection, limit_s: float) -> None:
        """It waits for its client from now on."""
        self.works(connection)
        if connection in self._open:
            self._until[connection] = self._loop.time() + limit_s

    def works(self, connection: Connection) -> None:
        """It does not wait for its client."""
        self._until.pop(connection, None)

    def closed(self, connection: Connection) -> None:
        self._open.discard(connection)
        self.works(connection)

    async def watch(self) -> None:
        """Close who waits too long, for as long as it runs."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self._loop.time()
            for connection in [one for one, until in self._until.items() if until <= now]:
                connection.waited_too_long()

    def _make_room(self) -> bool:
        waiting = next((one for one in self._until if one.can_make_room), None)
        if waiting is None:
            return False
        self.closed(waiting)
        waiting.make_room()
        return True
