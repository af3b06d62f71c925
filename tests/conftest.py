"""Real servers for the whole session, and for each test a database and queues of its own.

Where tests run on several workers, each has servers, and ports, of its own.
"""

import asyncio
import os
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import aio_pika
import pytest
import structlog
from hypothesis import settings
from uuid_utils import uuid7
from xdist.scheduler import LoadScopeScheduling

from postbox.mongo import Client, connect
from stack.servers import ports
from stack.servers.mongod import Mongod
from stack.servers.rabbitmq import RabbitMQ

OF_ONE_STACK: Final = frozenset({"metrics", "scenarios", "service", "tracing"})
"""Folders whose tests share one stack, which takes a while to bring up."""
WORKERS_MAX: Final = 4


def pytest_configure(config: pytest.Config) -> None:
    # How long an example takes says more about the machine than about the code.
    settings.register_profile("postbox", deadline=None)
    settings.load_profile("postbox")
    # pymongo leaves a socket to the garbage collector where a server dies while it connects. The
    # collector comes in any later test, or after the last one, where no mark on a test reaches.
    unclosed = r"unclosed <socket\.socket"
    config.addinivalue_line("filterwarnings", f"ignore:{unclosed}:ResourceWarning")
    warnings.filterwarnings("ignore", unclosed, ResourceWarning)
    # structlog's own lays out every local variable of every frame, for seconds on a busy machine.
    renderer = structlog.dev.ConsoleRenderer.get_active()
    renderer.exception_formatter = structlog.dev.plain_traceback
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ[ports.PART] = _part(worker)


def _part(worker: str) -> str:
    """A share of all ports; a worker is called gw0, gw1, ..., and one that replaces it gw2."""
    size = (ports.HIGHEST + 1 - ports.LOWEST) // WORKERS_MAX
    lowest = ports.LOWEST + int(worker.removeprefix("gw")) % WORKERS_MAX * size
    return f"{lowest}-{lowest + size - 1}"


class _Scheduling(LoadScopeScheduling):
    """One worker runs a whole file, or all tests of one stack, which is thus brought up once.

    Marks of groups do not do: under pytest 9.2, xdist 3.8 reads them and splits the groups.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, *_ = nodeid.split("::")
        _, folder, *_ = file.split("/")
        return folder if folder in OF_ONE_STACK else file


def pytest_xdist_make_scheduler(config: pytest.Config) -> _Scheduling:
    return _Scheduling(config)


@pytest.fixture(scope="session")
async def mongod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mongod]:
    """A private mongod. A test that stops it starts it again."""
    async with Mongod(tmp_path_factory.mktemp("mongod"), ttl_sleep_s=1) as server:
        yield server


@pytest.fixture(scope="session")
async def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitMQ]:
    """A private RabbitMQ. A test that stops it starts it again."""
    async with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@dataclass(frozen=True, kw_only=True)
class Space:
    """What one test has to itself on the shared servers: names that no other test uses."""

    name: str
    mongo_uri: str
    rabbitmq_uri: str

    @property
    def exchange(self) -> str:
        return f"{self.name}.events"

    @property
    def queue(self) -> str:
        return f"{self.name}.shop"


@pytest.fixture
async def mongo_uri(mongod: Mongod) -> AsyncIterator[str]:
    """The URI of a database of this test's own; it is dropped afterwards."""
    name = _fresh_name()
    yield mongod.database(name)
    async with connect(mongod.uri, application="tests") as client:
        await client.drop_database(name)


@pytest.fixture
async def client(mongo_uri: str) -> AsyncIterator[Client]:
    """As a service would make it, with this test's database as its own."""
    async with connect(mongo_uri, application="tests") as client:
        yield client


@pytest.fixture
async def space(mongo_uri: str, rabbitmq: RabbitMQ) -> AsyncIterator[Space]:
    """A database, and names for an exchange and its queues, which are deleted afterwards."""
    space = Space(name=_fresh_name(), mongo_uri=mongo_uri, rabbitmq_uri=rabbitmq.uri)
    yield space
    async with await aio_pika.connect(rabbitmq.uri) as connection:
        channel = await connection.channel()
        queues = (space.queue, f"{space.queue}.dead", f"{space.exchange}.unrouted")
        exchanges = (space.exchange, f"{space.exchange}.dead", f"{space.exchange}.unrouted")
        await asyncio.gather(*(channel.queue_delete(queue) for queue in queues))
        await asyncio.gather(*(channel.exchange_delete(exchange) for exchange in exchanges))


def _fresh_name() -> str:
    return f"t{uuid7().hex}"
