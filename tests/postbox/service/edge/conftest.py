"""A server with small limits, and clients that speak to it byte by byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from postbox.service import HttpLimits, application, read_body, reply, serve
from stack.servers.ports import LOOPBACK, free_port
from tests.eventually import eventually

SMALL: Final = HttpLimits(
    connections_max=8, headers_max=20, head_bytes_max=4_096, request_s=0.6, idle_s=0.6, unread_s=0.6
)
CHUNK: Final = b"x" * 65_536


@dataclass
class Peer:
    """One connection of a client's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """The status and the body of the next one."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        length = int(fields[b"content-length"])
        return int(head.split()[1]), await self.reader.readexactly(length)

    async def problem(self) -> tuple[int, str]:
        """The status and the type of the next one, after which the connection is closed."""
        status, body = await self.answer()
        document = orjson.loads(body)
        assert document["status"] == status
        assert await self.is_closed()
        return status, document["type"].removeprefix("/problems/")

    async def is_closed(self) -> bool:
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


@dataclass
class Edge:
    """What the server is told to do, and what it did."""

    port: int
    bodies: list[bytes] = field(default_factory=list)
    streams_ended: int = 0
    going_on: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        peer = Peer(*await asyncio.open_connection(LOOPBACK, self.port))
        try:
            yield peer
        finally:
            peer.writer.close()

    async def ask(self, content: bytes) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        async with self.peer() as peer:
            await peer.send(content)
            return await peer.answer()

    async def take(self, request: Request) -> Response:
        self.bodies.append(await read_body(request))
        return reply(
            {"headers": dict(request.headers), "client": request.client and request.client.host}
        )

    async def wait(self, request: Request) -> Response:
        await self.going_on.wait()
        return reply({})

    async def stream(self, request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield CHUNK
                    await asyncio.sleep(0)  # what is sent to nobody waits for nothing
            finally:
                self.streams_ended += 1

        return StreamingResponse(chunks())

    async def fail(self, request: Request) -> Response:
        raise RuntimeError("a bug")


@asynccontextmanager
async def serving(
    limits: HttpLimits = SMALL, trusted_proxies: tuple[str, ...] = ()
) -> AsyncIterator[Edge]:
    edge, stop = Edge(free_port()), asyncio.Event()
    methods = {"/": edge.take, "/wait": edge.wait, "/stream": edge.stream, "/bug": edge.fail}
    app = application(
        [Route(path, endpoint, methods=["GET", "POST"]) for path, endpoint in methods.items()]
    )
    running = asyncio.create_task(
        serve(app, edge.port, stop, host=LOOPBACK, limits=limits, trusted_proxies=trusted_proxies)
    )

    async def is_there() -> bool:
        try:
            return (await edge.ask(b"GET /nowhere HTTP/1.1\r\n\r\n"))[0] == 404
        except ConnectionError:
            return False

    await eventually(is_there)
    yield edge
    edge.going_on.set()
    stop.set()
    await running


@pytest.fixture(scope="session")
async def small() -> AsyncIterator[Edge]:
    async with serving() as edge:
        yield edge


@pytest.fixture
async def edge(small: Edge) -> Edge:
    """The one server, which does not remember other tests."""
    small.bodies.clear()
    small.streams_ended = 0
    small.going_on.clear()
    return small
