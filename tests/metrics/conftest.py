"""One stack for these tests, on which bookings were confirmed, failed and refunded."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from scenarios.registry import SCENARIOS
from scenarios.runner import Progress, run_all
from stack.embedded import Stack
from stack.layout import APPLICATIONS
from tests.eventually import eventually
from tests.metrics.exposition import Series, scrape

PLAYED = ("trivial", "payment-first", "amount-mismatch", "duplicate-events", "poison-message")
ENVIRONMENT = {"LOG_LEVEL": "DEBUG", "RECONCILE_INTERVAL_S": "1", "RELAY_LEASE_S": "2"}
HTTP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Running:
    stack: Stack
    http: httpx.AsyncClient

    def url(self, program: str) -> str:
        info = self.stack.info
        return {
            "gateway": info.gateway,
            "booking": info.booking,
            "payment": info.payment,
            "relay": info.relay,
        }[program].url

    async def series(self, program: str) -> list[Series]:
        return await scrape(self.http, self.url(program))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shared_system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with (
        Stack(tmp_path_factory.mktemp("stack"), env=ENVIRONMENT) as stack,
        httpx.AsyncClient(timeout=HTTP_TIMEOUT_S, trust_env=False) as http,
    ):
        results = await run_all([SCENARIOS[name] for name in PLAYED], stack, Progress())
        assert [result.problems for result in results] == [()] * len(PLAYED)
        running = Running(stack, http)

        async def measured() -> bool:
            names = {one.name for one in await running.series("relay")}
            return "postbox_relay_token_age_seconds" in names

        await eventually(measured)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def running(shared_system: Running) -> AsyncIterator[Running]:
    """Whole again after a test that broke something."""
    yield shared_system
    await shared_system.stack.ready("mongo", "rabbitmq", *APPLICATIONS)
