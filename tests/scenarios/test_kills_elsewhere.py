"""The stories of money that moves at the provider, while each process in turn is killed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic
from typing import Final

import httpx
import pytest
import pytest_asyncio

from scenarios.checker import check
from scenarios.clients.connections import connect
from scenarios.context import StoryContext
from scenarios.registry import SCENARIOS
from scenarios.target_stack import SHORT_TIMES
from stack.embedded import Stack
from tests.eventually import eventually

STORIES: Final = (
    "refunded-elsewhere",
    "partial-refund-then-cancel",
    "dispute-lost",
    "dispute-won",
    "refund-races-dashboard",
)
VICTIMS: Final = ("gateway", "booking", "payment", "relay", "provider", "mongo", "rabbitmq")
KILL_AT_MOVE: Final = 3
MOVES: Final = ("/refunds", "/disputes", "/cancel")
RETRY_LIMIT_S: Final = 30.0
RETRY_EVERY_S: Final = 0.1
REST_LIMIT_S: Final = 30.0


class PatientClient(httpx.AsyncBaseTransport):
    """Sends again what was not taken; nothing is under way while a process is killed.

    So a person's request happens once, and what the system makes of it is under way.
    """

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._is_idle = asyncio.Event()
        self._under_way = 0
        self._moves = 0
        self.has_moved = asyncio.Event()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        until = monotonic() + RETRY_LIMIT_S
        while True:
            response = await self._once(request)
            if response is not None and response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                self._count(request)
                return response
            assert monotonic() < until, f"{request.url} was not taken within {RETRY_LIMIT_S} s"
            await asyncio.sleep(RETRY_EVERY_S)

    async def _once(self, request: httpx.Request) -> httpx.Response | None:
        await self._is_open.wait()
        self._under_way += 1
        self._is_idle.clear()
        try:
            response = await self._inner.handle_async_request(request)
            await response.aread()
        except httpx.TransportError:
            return None
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._is_idle.set()
        return response

    def _count(self, request: httpx.Request) -> None:
        if request.method == "POST" and any(move in request.url.path for move in MOVES):
            self._moves += 1
            if self._moves >= KILL_AT_MOVE:
                self.has_moved.set()

    async def pause(self) -> None:
        """Let what is under way end, and begin nothing."""
        self._is_open.clear()
        if self._under_way:
            await self._is_idle.wait()

    def resume(self) -> None:
        self._is_open.set()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("stack"), env=SHORT_TIMES) as stack:
        yield stack


@pytest.mark.fault(28, "killed while money moves at the provider")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", VICTIMS)
async def test_each_story_ends_right_whatever_is_killed(stack: Stack, victim: str) -> None:
    """Goal: no free booking and no lost money. Method: SIGKILL right after the third refund,
    dispute or cancellation was taken, while the system works on it."""
    client = PatientClient()

    async def kill() -> None:
        await client.has_moved.wait()
        await client.pause()
        await stack.kill(victim)
        client.resume()

    async with connect(stack.info) as connections, httpx.AsyncClient(transport=client) as http:
        patient = replace(connections, http=http)
        stories = {name: StoryContext(name, stack, patient) for name in STORIES}
        killing = asyncio.create_task(kill())
        await asyncio.gather(*(SCENARIOS[name].run(story) for name, story in stories.items()))
        await killing
        await stack.ready(*VICTIMS)

        async def as_told() -> bool:
            for story in stories.values():
                assert story.differences(await story.look()) == []
            return True

        await eventually(as_told, limit_s=REST_LIMIT_S)
    report = await check(stack, settle_s=REST_LIMIT_S)
    assert report.ok, str(report)
