"""What one client sends, or does not, costs its own connection and no other's answer."""

import asyncio
import contextlib
import resource
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final

import orjson
import pytest

from postbox.service import HttpLimits
from tests.eventually import eventually
from tests.postbox.service.edge.conftest import SMALL, Edge, Peer, serving

GET = b"GET / HTTP/1.1\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"
SOON_S = 8.0
SLOW_ONES: Final = replace(SMALL, idle_s=60.0)
"""Ends requests that are slow; those who ask for nothing may stay."""
IDLE_ONES: Final = replace(SMALL, request_s=60.0)


class TestHeads:
    @pytest.mark.parametrize(
        "head",
        [
            b"GET / HTTP/1.1\r\na: " + b"x" * 4_096 + b"\r\n\r\n",
            b"GET /" + b"x" * 4_096 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 21 + b"\r\n",
            b"GET / HTTP/1.1\r\n" + b"".join(b"a%d: %b\r\n" % (n, b"x" * 500) for n in range(10)),
        ],
        ids=["field", "target", "count", "fields"],
    )
    async def test_one_that_is_too_large(self, edge: Edge, head: bytes) -> None:
        async with edge.peer() as peer:
            await peer.send(head)
            assert await peer.problem() == (431, "head-too-large")

    async def test_a_field_that_never_ends(self, edge: Edge) -> None:
        async with edge.peer() as peer:
            answer = asyncio.create_task(peer.problem())
            await peer.send(b"GET / HTTP/1.1\r\na: ")
            with contextlib.suppress(ConnectionError):
                while not answer.done():
                    await peer.send(b"x" * 100)
                    await asyncio.sleep(0)
            assert await answer == (431, "head-too-large")

    async def test_as_much_as_is_allowed(self, edge: Edge) -> None:
        fields = b"".join(b"a%d: %b\r\n" % (n, b"x" * 180) for n in range(20))
        assert (await edge.ask(b"GET / HTTP/1.1\r\n" + fields + b"\r\n"))[0] == 200

    @pytest.mark.parametrize(
        "content",
        [
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"hello\r\n\r\n",
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\nx",
        ],
    )
    async def test_what_is_not_http(self, edge: Edge, content: bytes) -> None:
        async with edge.peer() as peer:
            await peer.send(content)
            assert await peer.problem() == (400, "malformed-request")
        assert edge.bodies == []

    async def test_what_comes_after_a_body_is_no_header(self, edge: Edge) -> None:
        status, body = await edge.ask(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: authorization\r\n\r\n"
            b"1\r\nx\r\n0\r\nauthorization: Bearer x\r\n\r\n"
        )
        assert (status, edge.bodies) == (200, [b"x"])
        assert "authorization" not in orjson.loads(body)["headers"]

    @pytest.mark.parametrize(
        "body",
        [b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
    )
    async def test_one_that_asks_for_http_2_as_java_does(self, edge: Edge, body: bytes) -> None:
        head = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        async with edge.peer() as peer:
            for _ in range(2):
                await peer.send(head + b"HTTP2-Settings: AAEAAEAA\r\n" + body)
                assert (await peer.answer())[0] == 200
        assert edge.bodies == [b"{}", b"{}"]

    @pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
    async def test_one_that_asks_for_http_2_in_pieces(self, edge: Edge, size: int) -> None:
        """However the packets are cut; a body that looks like the field stays as it is."""
        body = b"\r\nupgrade: 1\r\n\r\n"
        head = b"POST / HTTP/1.1\r\nUpgrade: h2c\r\nx-upgrade: y\r\nConnection: Upgrade\r\n"
        whole = head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        async with edge.peer() as peer:
            for _ in range(2):
                for start in range(0, len(whole), size):
                    await peer.send(whole[start : start + size])
                    await asyncio.sleep(0)
                assert (await peer.answer())[0] == 200
        assert edge.bodies == [body, body]

    async def test_garbage_after_a_request_is_not_its_answer(self, edge: Edge) -> None:
        async with edge.peer() as peer:
            await peer.send(b"GET /wait HTTP/1.1\r\n\r\n")
            await peer.send(b"garbage\r\n\r\n")
            assert await peer.is_closed()


class TestTime:
    @pytest.mark.parametrize(
        "begun", [b"GET / HT", b"GET / HTTP/1.1\r\na: b\r\n", POST, POST + b"four"]
    )
    async def test_a_request_that_does_not_come(self, begun: bytes) -> None:
        async with asyncio.timeout(SOON_S), serving(SLOW_ONES) as edge, edge.peer() as peer:
            await peer.send(begun)
            assert await peer.problem() == (408, "too-slow")
            assert edge.bodies == []

    async def test_one_that_comes_byte_by_byte(self) -> None:
        async with asyncio.timeout(SOON_S), serving(SLOW_ONES) as edge, edge.peer() as peer:

            async def drip() -> None:
                await peer.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    await peer.send(b"1\r\nx\r\n")
                    await asyncio.sleep(0.05)

            dripping = asyncio.create_task(drip())
            assert await peer.problem() == (408, "too-slow")
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
            assert edge.bodies == []

    @pytest.mark.parametrize("asks_first", [False, True])
    async def test_a_connection_that_asks_for_nothing(self, asks_first: bool) -> None:
        async with asyncio.timeout(SOON_S), serving(IDLE_ONES) as edge, edge.peer() as peer:
            if asks_first:
                await peer.send(GET)
                assert (await peer.answer())[0] == 200
            assert await peer.is_closed()

    async def test_an_answer_that_is_not_read(self, edge: Edge) -> None:
        async with edge.peer() as peer:
            await peer.send(b"GET /stream HTTP/1.1\r\n\r\n")

            async def is_given_up() -> bool:
                return edge.streams_ended == 1

            await eventually(is_given_up, limit_s=SOON_S)

    async def test_work_that_takes_long_is_waited_for(self, edge: Edge) -> None:
        async with edge.peer() as peer:
            await peer.send(b"GET /wait HTTP/1.1\r\n\r\n")
            await asyncio.sleep(2 * SMALL.request_s)
            edge.going_on.set()
            assert (await peer.answer())[0] == 200


class TestConnections:
    @pytest.mark.parametrize("begun", [b"", b"GET / HT", POST + b"four"])
    async def test_the_one_that_waited_longest_makes_room(self, begun: bytes) -> None:
        limits = replace(SMALL, request_s=60.0, idle_s=60.0)
        async with serving(limits) as edge, AsyncExitStack() as stack:
            first: Peer = await stack.enter_async_context(edge.peer())
            await first.send(begun)
            for _ in range(3 * SMALL.connections_max):
                peer = await stack.enter_async_context(edge.peer())
                await peer.send(begun)
            async with asyncio.timeout(SOON_S):
                assert (await edge.ask(GET))[0] == 200
                assert await first.is_closed()

    async def test_no_answer_is_given_up_for_it(self, edge: Edge) -> None:
        async with AsyncExitStack() as stack:
            peers = [
                await stack.enter_async_context(edge.peer()) for _ in range(SMALL.connections_max)
            ]
            for peer in peers:
                await peer.send(b"GET /wait HTTP/1.1\r\n\r\n")

            async def is_full() -> bool:
                async with edge.peer() as one:
                    return await one.problem() == (503, "unavailable")

            await eventually(is_full)
            edge.going_on.set()
            assert [(await peer.answer())[0] for peer in peers] == [200] * len(peers)


@pytest.mark.parametrize(
    ("trusted", "sent", "client"),
    [
        ((), "203.0.113.9", "127.0.0.1"),
        (("10.0.0.0/8",), "203.0.113.9", "127.0.0.1"),
        (("127.0.0.1",), "203.0.113.9", "203.0.113.9"),
        (("127.0.0.0/8",), "198.51.100.1, 203.0.113.9", "203.0.113.9"),
    ],
)
async def test_only_a_trusted_proxy_says_where_a_request_is_from(
    trusted: tuple[str, ...], sent: str, client: str
) -> None:
    async with serving(trusted_proxies=trusted) as edge:
        head = f"GET / HTTP/1.1\r\nX-Forwarded-For: {sent}\r\n\r\n"
        _, body = await edge.ask(head.encode())
        assert orjson.loads(body)["client"] == client


@pytest.mark.parametrize(
    ("files", "allowed"), [((500, 500), 250), ((500, 1_000), 744), ((9_000, 9_000), 2_000)]
)
def test_there_are_files_left_for_the_rest(
    files: tuple[int, int], allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = [files]

    def set_to(_: int, wanted: Any) -> None:
        limit[0] = wanted

    monkeypatch.setattr(resource, "getrlimit", lambda _: limit[0])
    monkeypatch.setattr(resource, "setrlimit", set_to)
    assert HttpLimits().within_open_files().connections_max == allowed
    assert limit[0][0] == min(files[1], 2_256) or files[0] > 2_256
