"""Each test has an outbox, a queue and relays of its own, on the session's servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.mongod import Mongod
from stack.rabbitmq import RabbitMQ
from tests.relay.stage import Stage


@pytest.fixture
async def stage(mongod: Mongod, rabbitmq: RabbitMQ, tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(mongod, rabbitmq, tmp_path) as stage:
        yield stage
