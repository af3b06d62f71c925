"""An outbox for a shop with a queue that its events reach, and the packages of what is in Node."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from postbox.rabbitmq import Topology, connected
from stack.servers.mongod import Mongod
from stack.servers.rabbitmq import RabbitMQ
from tests.examples.programs import EXAMPLES
from tests.relay.harness import RelayHarness

INSTALL_LIMIT_S: Final = 60.0
HERE: Final = Path(__file__).parent


@pytest.fixture
async def shop_harness(
    mongod: Mongod, rabbitmq: RabbitMQ, tmp_path: Path
) -> AsyncIterator[RelayHarness]:
    async with RelayHarness(mongod, rabbitmq, tmp_path) as harness:
        topology = Topology(queues={harness.name: [f"{harness.name}.#", "order.*"]})
        async with connected(rabbitmq.uri, name="test") as link, link.channel() as channel:
            await topology.declare(channel)
        yield harness


@pytest.fixture(scope="session")
async def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both examples, what they need by the consumer's lock file, and `crash.mjs`."""
    at = tmp_path_factory.mktemp("node")
    consumer = EXAMPLES / "node_consumer"
    for path in (
        *(consumer / name for name in ("consumer.mjs", "package.json", "package-lock.json")),
        EXAMPLES / "node_producer" / "producer.mjs",
        HERE / "crash.mjs",
    ):
        shutil.copy(path, at)
    install = await asyncio.create_subprocess_exec(
        *("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"), cwd=at
    )
    assert await asyncio.wait_for(install.wait(), INSTALL_LIMIT_S) == 0
    return at
