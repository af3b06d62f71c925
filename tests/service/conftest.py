"""One stack for all service tests; after each test it is whole again."""

from collections.abc import AsyncIterator

import httpx
import pytest

from postbox.mongo import connect
from stack.embedded import Stack
from tests.service.access.issuer import Issuer
from tests.service.booking_system import ALL, BookingSystem
from tests.service.guarded import Guarded, guarded

ENVIRONMENT = {
    "PAYMENT_TIMEOUT_S": "60",  # longer than a busy machine may take for any other step
    "INTENT_TIMEOUT_S": "60",
    "RECONCILE_INTERVAL_S": "1",
    "HTTP_HOST": "127.0.0.1",
}
CLIENT_TIMEOUT_S = 15.0


@pytest.fixture(scope="package")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("stack"), env=ENVIRONMENT) as stack:
        yield stack


@pytest.fixture(scope="package")
async def shared_system(stack: Stack) -> AsyncIterator[BookingSystem]:
    """For the tests that break nothing."""
    async with (
        httpx.AsyncClient(timeout=CLIENT_TIMEOUT_S, trust_env=False) as http,
        connect(stack.info.mongo.uri, application="tests") as client,
    ):
        yield BookingSystem(stack, http, client)


@pytest.fixture
async def system(shared_system: BookingSystem) -> AsyncIterator[BookingSystem]:
    """For the tests that break something; what was held is released, and works again."""
    yield shared_system
    for server in ("mongo", "rabbitmq"):
        await shared_system.stack.ready(server)
    await shared_system.stack.ready(*ALL)
    await shared_system.http.delete(f"{shared_system.provider}/faults")


@pytest.fixture(scope="package")
async def door(shared_system: BookingSystem) -> AsyncIterator[Guarded]:
    """For the tests that leave the issuer's keys as they are."""
    issuer = Issuer()
    async with issuer.serving(), guarded(shared_system, issuer, issuer.url) as gateway:
        yield gateway
