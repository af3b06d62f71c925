"""Followers of bookings are bounded in number, each caller's and all, and one too many is told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import httpx
import pytest
from starlette.requests import Request

from postbox.rabbitmq import Topology
from postbox.service import Service
from services.gateway import streams
from services.gateway.access.caller import Caller
from services.gateway.access.streams import Streams
from services.gateway.intake import Intake
from services.gateway.reading.http import ReadingApi
from services.gateway.rules.view import View
from services.gateway.streams import Watch
from stack.servers.ports import LOOPBACK, free_port
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.failpoints import failing
from tests.service.test_refused_intents import is_problem

FOLLOWERS_MAX = 3
OF_ONE_MAX = 2
ADA, BOB = {"x-subject": "ada"}, {"x-subject": "bob"}
IMPATIENT_S = 0.5
INTENT = "watched"
LIMIT_S = 10.0
SLOW_MS = 1_000


class ByHeader:
    """Says who asks by a header that anybody may send."""

    asks_for_tokens = True

    async def caller(self, request: Request) -> Caller:
        return Caller(subject=request.headers.get("x-subject"), operates=True)


@pytest.fixture
async def gateway(space: Space) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway with one booking, which lets few follow."""
    topology = Topology(exchange=space.exchange, queues={})
    service = Service(
        "gateway", mongo_uri=space.mongo_uri, rabbitmq_uri=space.rabbitmq_uri, topology=topology
    )
    following = Watch(service.database, subscribers_max=FOLLOWERS_MAX)
    api = ReadingApi(service, following, ByHeader(), Streams(per_caller_max=OF_ONE_MAX))
    stop, port = asyncio.Event(), free_port()
    await service.database["views"].insert_one(
        {"_id": INTENT, "v": 0, **View(intent_id=INTENT).to_document()}
    )
    running = asyncio.create_task(
        service.run(stop, host=LOOPBACK, port=port, routes=api.routes, prepare=Intake.prepare)
    )
    async with httpx.AsyncClient(
        base_url=f"http://{LOOPBACK}:{port}", timeout=LIMIT_S, trust_env=False
    ) as http:

        async def is_ready() -> bool:
            try:
                return (await http.get("/readyz")).is_success
            except httpx.TransportError:
                return False

        await eventually(is_ready)
        yield http
    following.close()
    stop.set()
    await running


@asynccontextmanager
async def followed(
    gateway: httpx.AsyncClient, headers: Mapping[str, str] = ADA
) -> AsyncIterator[None]:
    async with gateway.stream("GET", f"/booking/{INTENT}/events", headers=headers) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        assert await anext(lines)
        yield


async def test_one_follower_too_many_gets_a_problem_and_a_place_when_one_is_free(
    gateway: httpx.AsyncClient,
) -> None:
    path = f"/booking/{INTENT}/events"
    async with followed(gateway), followed(gateway, BOB):
        async with followed(gateway):
            for headers, status in ((ADA, 429), (BOB, 503)):
                refused = await gateway.get(path, headers=headers)
                is_problem(refused, status, None)
                assert refused.headers["retry-after"]

        async def is_let_in() -> bool:
            async with gateway.stream("GET", path, headers=ADA) as answer:
                return answer.is_success

        await eventually(is_let_in)


async def test_a_stream_that_hangs_ends_its_followers_and_the_next_are_served(
    gateway: httpx.AsyncClient, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: nobody follows a dead stream. Method: MongoDB holds back its answer."""
    monkeypatch.setattr(streams, "ANSWER_LIMIT_S", IMPATIENT_S)
    held = {"blockConnection": True, "blockTimeMS": int(6 * IMPATIENT_S * 1_000)}
    async with (
        gateway.stream("GET", f"/booking/{INTENT}/events") as answer,
        failing(space.mongo_uri, "getMore", times=1, application="gateway", **held),
        asyncio.timeout(3 * IMPATIENT_S),
    ):
        assert [line async for line in answer.aiter_lines()]
    async with followed(gateway):
        pass


async def test_who_comes_while_the_stream_of_others_is_being_closed_is_served(
    gateway: httpx.AsyncClient, space: Space
) -> None:
    """Method: MongoDB takes a second to close the cursor; meanwhile others come and go."""
    slow = {"blockConnection": True, "blockTimeMS": SLOW_MS}
    async with failing(space.mongo_uri, "killCursors", times=1, application="gateway", **slow):
        until = monotonic() + 2 * SLOW_MS / 1_000
        while monotonic() < until:
            async with followed(gateway):
                pass
            await asyncio.sleep(0.05)
