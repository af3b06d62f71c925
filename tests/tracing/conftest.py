"""One stack whose programs export their spans, by real OTLP, to a receiver in this process."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from scenarios.clients.connections import connect
from scenarios.tracing.otlp import Receiver
from stack.embedded import Stack
from stack.layout import APPLICATIONS
from tests.tracing.traced_system import TracedSystem

ENVIRONMENT = {"RECONCILE_INTERVAL_S": "60", "LOG_LEVEL": "DEBUG", "RELAY_LEASE_S": "1"}


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shared_system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TracedSystem]:
    directory = tmp_path_factory.mktemp("stack")
    async with (
        Receiver() as receiver,
        Stack(directory, env={**ENVIRONMENT, **receiver.environment}) as stack,
        connect(stack.info) as connections,
    ):
        yield TracedSystem(stack, receiver, connections)


@pytest_asyncio.fixture(loop_scope="session")
async def system(shared_system: TracedSystem) -> AsyncIterator[TracedSystem]:
    """Whole again after a test that broke something."""
    yield shared_system
    await shared_system.stack.ready(*APPLICATIONS)
