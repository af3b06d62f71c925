"""One stack for all service tests; after each test it is whole again."""

from collections.abc import AsyncIterator

import httpx
import pytest

from postbox.mongo import connect
from stack.embedded import Stack
from tests.service.booking_system import ALL, BookingSystem

ENVIRONMENT = {
    "PAYMENT_TIMEOUT_S": "5",
    "INTENT_TIMEOUT_S": "5",
    "RECONCILE_INTERVAL_S": "1",
    "HTTP_HOST": "127.0.0.1",
}
CLIENT_TIMEOUT_S = 15.0


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("stack"), env=ENVIRONMENT) as stack:
        yield stack


@pytest.fixture(scope="session")
async def city(stack: Stack) -> AsyncIterator[BookingSystem]:
    """For the tests that break nothing."""
    async with (
        httpx.AsyncClient(timeout=CLIENT_TIMEOUT_S, trust_env=False) as http,
        connect(stack.info.mongo.uri, application="tests") as client,
    ):
        yield BookingSystem(stack, http, client)


@pytest.fixture
async def system(city: BookingSystem) -> AsyncIterator[BookingSystem]:
    """For the tests that break something; what was held is released, and works again."""
    yield city
    for server in ("mongo", "rabbitmq"):
        await city.stack.ready(server)
    await city.stack.ready(*ALL)
    await city.http.delete(f"{city.provider}/faults")
