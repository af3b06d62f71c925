"""A real MongoDB and a real RabbitMQ for all of these tests; each test has an outbox of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.mongod import Mongod
from stack.rabbitmq import RabbitMQ
from tests.relay.stage import Stage


@pytest.fixture(scope="package")
async def mongod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mongod]:
    async with Mongod(tmp_path_factory.mktemp("mongod")) as server:
        yield server


@pytest.fixture(scope="package")
async def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitMQ]:
    async with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture
async def stage(mongod: Mongod, rabbitmq: RabbitMQ, tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(mongod, rabbitmq, tmp_path) as stage:
        yield stage
