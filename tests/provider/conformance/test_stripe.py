"""Stripe's API, as the simulator's second door speaks it, passes the suite through Stripe's SDK."""

from collections.abc import AsyncIterator

import pytest

from services.payment.provider.stripe import StripeProvider, adapter, transport
from tests.provider.conformance import Door, ProviderConformance
from tests.provider.simulator import Simulator
from tests.provider.stripe.sdk import API_KEY

HASTY_S = 0.3


@pytest.fixture(scope="class")
async def door(both_doors: Simulator) -> AsyncIterator[Door]:
    url = both_doors.url
    provider = StripeProvider(API_KEY, address=url)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(transport, "STEP_TIMEOUT_S", HASTY_S)
        hasty = StripeProvider(API_KEY, address=url)
    yield Door(provider, hasty, both_doors)
    await provider.close()
    await hasty.close()


@pytest.fixture
def small_pages(door: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setattr(adapter, "PAGE_ENTRIES", 2)
    return door


class TestStripe(ProviderConformance):
    pass
