"""The example on FastAPI runs as its README says, and survives a kill."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aio_pika
import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postbox.mongo import Client
from postbox.runtime import crash_point
from stack.servers.ports import LOOPBACK, free_port
from stack.servers.rabbitmq import RabbitMQ
from stack.supervision.process import ROOT
from tests.eventually import eventually
from tests.examples.programs import user

SHOP: Final = "examples.fastapi_shop.shop:app"
KILLABLE: Final = "tests.examples.test_fastapi_shop:killable"
STOP_LIMIT_S: Final = 15.0
DECLARED: Final = "^(events([.](dead|unrouted))?|shop[.](billing|mail)([.]dead)?)$"
RELAYS: Final = "^events([.]unrouted)?$"
"""The least rights of those who declare: to configure, write and read what is theirs."""


def killable() -> ASGIApp:
    """The shop, with a crash point between the commit of a request and its answer."""
    from examples.fastapi_shop.shop import app

    async def with_crash_point(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if scope["type"] == "http" and scope["method"] == "PUT":
                crash_point("request.committed")
            await send(message)

        await app(scope, receive, answer)

    return with_crash_point


@pytest.fixture
async def environment(mongo_uri: str, rabbitmq: RabbitMQ) -> AsyncIterator[dict[str, str]]:
    yield {
        "PATH": os.environ["PATH"],
        "MONGO_URI": mongo_uri,
        "RABBITMQ_URI": await user(rabbitmq, configure=DECLARED, write=DECLARED, read=DECLARED),
        "RELAY_SOURCES": f"shop={mongo_uri}",
        "RELAY_PORT": str(free_port()),
        "HTTP_HOST": LOOPBACK,
    }
    async with await aio_pika.connect(rabbitmq.uri) as connection:
        channel = await connection.channel()
        for queue in ("shop.billing", "shop.mail"):
            await channel.queue_delete(queue)
            await channel.queue_delete(f"{queue}.dead")


@asynccontextmanager
async def running(
    *arguments: str, environment: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), STOP_LIMIT_S)


@asynccontextmanager
async def shop(
    app: str, *arguments: str, environment: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's program by uvicorn, once it is ready."""
    port = str(free_port())
    command = ("uvicorn", app, "--port", port, *arguments)
    async with (
        running(*command, environment=environment),
        httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", trust_env=False) as http,
    ):

        async def is_ready() -> bool:
            try:
                return (await http.get("/ops/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(is_ready)
        yield http


@pytest.mark.fault(2, "an example that is killed between its commit and its answer")
async def test_an_order_whose_answer_was_lost_is_billed_once(
    client: Client, environment: dict[str, str], rabbitmq: RabbitMQ
) -> None:
    """Goal: one order, one event, one bill, with the least rights.

    Method: a crash point before the answer; then again.
    """
    uri = await user(rabbitmq, configure=RELAYS, write=RELAYS, read=RELAYS)
    relaying = environment | {"RABBITMQ_URI": uri}
    database = client.get_default_database()
    order = "/orders/o1?amount=1200"
    async with shop(
        KILLABLE, "--factory", environment=environment | {"CRASH_AT": "request.committed:1"}
    ) as http:
        with pytest.raises(httpx.TransportError):
            await http.put(order)
    assert await database["outbox"].distinct("state") == ["pending"]
    async with (
        running("relay", environment=relaying),
        shop(SHOP, environment=environment) as http,
    ):
        assert (await http.put(order)).json() == {"order_id": "o1", "amount": 1200}

        async def is_billed() -> bool:
            rows = database["outbox"].find({"state": "published"}).sort("time")
            return [row["type"] async for row in rows] == ["order.placed", "order.billed"]

        await eventually(is_billed)
        assert await database["invoices"].distinct("_id") == ["o1"]
        metrics = (await http.get("/ops/metrics")).text
        assert 'decision="bill"' in metrics
        assert 'postbox_ready{otel_scope_name="postbox"' in metrics
        assert (await http.get("/ops/healthz")).json() == {"status": "ok"}
