"""HTTP/1.1 on kept-alive connections at a few microseconds a request.

A client library would cost more than the services that are measured.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Final, Self, cast
from urllib.parse import urlsplit

from bench.errors import BenchFailed

_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD_END: Final = b"\r\n\r\n"
_STATUS: Final = slice(9, 12)

Answered = Callable[[int], None]
"""Called with the status of the answer."""


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answered: Answered | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in all but its base class.
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, answered: Answered) -> None:
        assert self._transport is not None
        self._answered = answered
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head_end = received.find(_HEAD_END)
        length = _LENGTH.search(received, 0, head_end) if head_end >= 0 else None
        if length is None or len(received) < head_end + len(_HEAD_END) + int(length[1]):
            self._received = received
            return
        self._received = b""
        answered, self._answered = self._answered, None
        assert answered is not None, "an answer that nobody asked for"
        self._pool.free(self)
        answered(int(received[_STATUS]))

    def connection_lost(self, _: Exception | None) -> None:
        self._pool.lost()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Pool:
    """Connections to one service, used in turn; requests wait where all are busy."""

    def __init__(self) -> None:
        self._all: list[Connection] = []
        self._idle: deque[Connection] = deque()
        self._waiting: deque[tuple[bytes, Answered]] = deque()
        self._is_open = True
        self.requests = 0
        self.failure: BenchFailed | None = None

    @classmethod
    async def connect(cls, urls: Sequence[str], size: int) -> Self:
        """`size` connections in all, to these addresses in turn."""
        pool = cls()
        loop = asyncio.get_running_loop()
        for _, address in zip(range(size), cycle(map(urlsplit, urls)), strict=False):
            _, connection = await loop.create_connection(
                lambda: Connection(pool), address.hostname or "", address.port or 0
            )
            pool._all.append(connection)
            pool._idle.append(connection)
        return pool

    def send(self, request: bytes, answered: Answered) -> None:
        """Send now, or when a connection is free."""
        self.requests += 1
        if self._idle:
            self._idle.popleft().send(request, answered)
        else:
            self._waiting.append((request, answered))

    def free(self, connection: Connection) -> None:
        if self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self._idle.append(connection)

    def lost(self) -> None:
        if self._is_open:
            self.failure = BenchFailed("a server closed a connection")

    def close(self) -> None:
        self._is_open = False
        for connection in self._all:
            connection.close()
