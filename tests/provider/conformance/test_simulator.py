"""The simulator's own door passes the suite, through the adapter of the payment service."""

from collections.abc import AsyncIterator

import pytest

from services.payment.provider import port
from services.payment.provider.port import HttpProvider
from tests.provider.conformance import Door, ProviderConformance
from tests.provider.simulator import Simulator

HASTY_S = 0.3


@pytest.fixture(scope="class")
async def door(both_doors: Simulator) -> AsyncIterator[Door]:
    url = both_doors.url
    provider = HttpProvider(url)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(port, "STEP_TIMEOUT_S", HASTY_S)
        hasty = HttpProvider(url)
    yield Door(provider, hasty, both_doors)
    await provider.close()
    await hasty.close()


@pytest.fixture
def small_pages(door: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setattr(port, "PAGE_ENTRIES", 2)
    return door


class TestSimulator(ProviderConformance):
    pass
