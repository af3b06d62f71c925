"""A TCP proxy on the way to a server: a link that a test can cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from stack.servers.ports import LOOPBACK

CHUNK_BYTES = 65_536


class TcpProxy:
    """`uri` is the server's own, through the proxy."""

    def __init__(self, uri: str) -> None:
        self._to = urlsplit(uri)
        self._lines: set[asyncio.StreamWriter] = set()
        self._stalled: set[asyncio.StreamWriter] = set()
        self._is_up = True
        self.answers = 0  # chunks that came from the server
        self.uri = uri

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connect, LOOPBACK, 0)
        port = server.sockets[0].getsockname()[1]
        netloc = self._to.netloc.replace(f":{self._to.port}", f":{port}")
        self.uri = self._to._replace(netloc=netloc).geturl()
        return server

    @property
    def is_used(self) -> bool:
        """Whether any connection goes through it."""
        return bool(self._lines)

    def cut(self) -> None:
        """Every connection breaks, as if the cable was pulled; new ones are possible."""
        for line in self._lines:
            line.transport.abort()

    def stall(self) -> None:
        """Every connection stays open and carries nothing any more; new ones do."""
        self._stalled |= self._lines

    def down(self) -> None:
        """As `cut`, and new connections break too, until `up`."""
        self._is_up = False
        self.cut()

    def up(self) -> None:
        self._is_up = True

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_up:
            writer.transport.abort()
            return
        there = await asyncio.open_connection(self._to.hostname, self._to.port)
        both = {writer, there[1]}
        self._lines |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, there[1], is_request=True))
                group.create_task(self._pump(there[0], writer, is_request=False))
        finally:
            self._lines -= both
            self._stalled -= both
            for line in both:
                line.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                if writer not in self._stalled:
                    writer.write(chunk)
                    self.answers += not is_request
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def tcp_proxy(uri: str) -> AsyncIterator[TcpProxy]:
    """A link for as long as the block runs."""
    made = TcpProxy(uri)
    async with await made.serve():
        yield made
        made.down()
