"""Clients that take connections and do not use them keep nobody from booking."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.service.booking_system import PRICE, BookingSystem

IDLE: Final = 2_000
SLOW: Final = 200
AT_ONCE: Final = 100
FILES: Final = 2 * (IDLE + SLOW)
SLOWLY: Final = (
    b"POST /booking/intent HTTP/1.1\r\nContent-Type: applica",
    b"POST /booking/intent HTTP/1.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 500\r\n\r\n{"userId": "mallory", "amount": ',
)


@pytest.fixture
def many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))


@asynccontextmanager
async def crowd(url: str, sent: list[bytes]) -> AsyncIterator[None]:
    """A connection for each of these, on which this is sent, and no more."""
    parts = urlsplit(url)
    writers: list[asyncio.StreamWriter] = []

    async def connect(content: bytes) -> None:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writers.append(writer)
        writer.write(content)

    try:
        for start in range(0, len(sent), AT_ONCE):
            await asyncio.gather(*map(connect, sent[start : start + AT_ONCE]))
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


async def test_2000_idle_connections_and_200_slow_ones_keep_nobody_from_booking(
    shared_system: BookingSystem, many_files: None
) -> None:
    before = await shared_system.written()
    sent = [b""] * IDLE + [SLOWLY[number % 2] for number in range(SLOW)]
    async with (
        crowd(shared_system.gateway, sent),
        httpx.AsyncClient(base_url=shared_system.gateway, trust_env=False) as newcomer,
    ):
        for _ in range(10):
            answer = await newcomer.post("/booking/intent", json={"userId": "ada", "amount": PRICE})
            assert answer.status_code == 202
    intents = (await shared_system.written())["gateway.intents"]
    assert intents == before["gateway.intents"] + 10
