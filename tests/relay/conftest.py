"""Each test has an outbox, a queue and relays of its own, on the session's servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.servers.mongod import Mongod
from stack.servers.rabbitmq import RabbitMQ
from tests.relay.harness import RelayHarness


@pytest.fixture
async def harness(
    mongod: Mongod, rabbitmq: RabbitMQ, tmp_path: Path
) -> AsyncIterator[RelayHarness]:
    async with RelayHarness(mongod, rabbitmq, tmp_path) as harness:
        yield harness
