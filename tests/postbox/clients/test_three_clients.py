"""Three programs write, each with a client of its kind; every program is killed twice.

What came of it is read with a plain driver, and asks nothing of the library.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from pymongo import AsyncMongoClient

from postbox.mongo import Document
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK, free_port
from stack.supervision.process import ROOT
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import broker
from tests.postbox.clients.shop import KINDS, Shop
from tests.postbox.failpoints import short_lived_transactions
from tests.postbox.service.shop import topology

ORDERS: Final = 40
"""So many each writer takes; it gives up a third as many."""
LIMIT_S: Final = 120.0
CRASH_AT: Final = {
    "asynchronous": "transaction.committed:7",
    "synchronous": "outbox.added:7",
    "motor": "transaction.committed:11",
    "consumer": "consumer.committed",
    "relay": "relay.confirmed",
}
"""Where the first life of each program ends."""


class Program:
    """A program that is killed and started anew."""

    def __init__(self, name: str, *arguments: str, **variables: str) -> None:
        self._command = (sys.executable, "-m", *arguments)
        self._environment = {**os.environ, **variables}
        self._crash_at = CRASH_AT[name]
        self._process: asyncio.subprocess.Process | None = None

    async def crash(self) -> None:
        """Run until it has died at its crash point."""
        await self.start(CRASH_AT=self._crash_at)
        assert await self.ended() == -signal.SIGKILL

    async def start(self, **more: str) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            env={**self._environment, **more},
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def ended(self) -> int | None:
        """The exit code, where it was started at all; negative: the signal that ended it."""
        if self._process is None:
            return None
        return await asyncio.wait_for(self._process.wait(), LIMIT_S)

    async def kill(self) -> int | None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        return await self.ended()


@asynccontextmanager
async def programs(
    space: Space, consumers_uri: str
) -> AsyncIterator[tuple[list[Program], list[Program]]]:
    """The writers, and what brings their events to where they take effect."""
    writer, shop = "tests.postbox.clients.writer", "tests.postbox.service.shop"
    uri = {"MONGO_URI": space.mongo_uri}
    writers = [Program(kind, writer, kind, str(ORDERS), **uri) for kind in KINDS]
    at_broker = {"RABBITMQ_URI": space.rabbitmq_uri}
    consumer = {**at_broker, "SPACE": space.name, "MONGO_URI": consumers_uri}
    relay = {
        **at_broker,
        "RELAY_SOURCES": f"shop={space.mongo_uri}",
        "RELAY_EXCHANGE": space.exchange,
        "RELAY_PORT": str(free_port()),
        "HTTP_HOST": LOOPBACK,
    }
    pipeline = [Program("consumer", shop, **consumer), Program("relay", "relay", **relay)]
    try:
        yield writers, pipeline
    finally:
        for one in (*writers, *pipeline):
            await one.kill()


@pytest.mark.fault(1, "killed after its writes, before the commit")
async def test_events_of_every_client_take_effect_once_whatever_is_killed(
    space: Space, mongod: Mongod
) -> None:
    """Goal: every order that was taken is counted once; one that was given up never is an event.

    Method: a writer for each kind of client, a relay and a consumer, each a process of its own.
    Each dies at a crash point, runs again, is killed wherever it is, and runs to the end.
    """
    consumers = f"{space.mongo_uri.rpartition('/')[2].partition('?')[0]}_counts"
    async with (
        AsyncMongoClient[Document](space.mongo_uri) as client,
        broker(space, topology(space)),
        short_lived_transactions(space.mongo_uri),
        programs(space, mongod.database(consumers)) as (writers, pipeline),
    ):
        database, counts = client.get_default_database(), client[consumers]["orders"]
        shop = Shop("asynchronous", space.mongo_uri)
        await shop.prepare()
        await shop.close()

        async def is_half_taken() -> bool:
            return await database["orders"].count_documents({}) > len(KINDS) * ORDERS / 2

        async def are_all_counted() -> bool:
            return await counts.count_documents({}) >= len(KINDS) * ORDERS

        await asyncio.gather(*(one.crash() for one in (*writers, *pipeline)))
        await asyncio.gather(*(one.start() for one in (*writers, *pipeline)))
        await eventually(is_half_taken, limit_s=LIMIT_S)
        killed = await asyncio.gather(*(one.kill() for one in (*writers, *pipeline)))
        assert -signal.SIGKILL in killed[: len(KINDS)]
        await asyncio.gather(*(one.start() for one in (*writers, *pipeline)))
        assert await asyncio.gather(*(one.ended() for one in writers)) == [0] * len(KINDS)
        await eventually(are_all_counted, limit_s=LIMIT_S)

        taken = sorted(f"{kind}-{number}" for kind in KINDS for number in range(ORDERS))
        orders = [row["_id"] async for row in database["orders"].find().sort("_id")]
        events = [row["subject"] async for row in database["outbox"].find().sort("subject")]
        effects = {row["_id"]: row["total"] async for row in counts.find()}
        await client.drop_database(consumers)
    assert (orders, events) == (taken, taken)
    assert effects == dict.fromkeys(taken, 1)
