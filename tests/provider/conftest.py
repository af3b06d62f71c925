from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.servers.ports import free_port
from tests.provider.receiver import Receiver
from tests.provider.simulator import Simulator, eventually
from tests.provider.stripe.receiver import StripeReceiver
from tests.provider.stripe.sdk import STRIPE


@pytest_asyncio.fixture(scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver(free_port())
    receiver.start()
    await eventually(receiver.is_up)
    yield receiver
    receiver.stop()


@pytest_asyncio.fixture(scope="session")
async def simulator(
    receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Simulator]:
    """One process for all tests of this folder: each works on an intent of its own."""
    simulator = Simulator(tmp_path_factory.mktemp("provider"), free_port(), receiver.url)
    await simulator.start()
    yield simulator
    assert simulator.stop() == 0
    await simulator.client.aclose()


@pytest_asyncio.fixture
async def own_simulator(receiver: Receiver, tmp_path: Path) -> AsyncIterator[Simulator]:
    """A process that the test may kill, with a ledger of its own."""
    simulator = Simulator(tmp_path, free_port(), receiver.url)
    await simulator.start()
    yield simulator
    if simulator.process is not None and simulator.process.poll() is None:
        simulator.stop()
    await simulator.client.aclose()


@pytest_asyncio.fixture(scope="session")
async def stripe_receiver() -> AsyncIterator[StripeReceiver]:
    receiver = StripeReceiver(free_port())
    receiver.start()
    await eventually(receiver.is_up)
    yield receiver
    receiver.stop()


@pytest_asyncio.fixture(scope="session")
async def both_doors(
    stripe_receiver: StripeReceiver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Simulator]:
    """One process with Stripe's door open too, and its webhooks."""
    folder = tmp_path_factory.mktemp("stripe")
    simulator = Simulator(folder, free_port(), stripe_receiver.url, **STRIPE)
    await simulator.start()
    yield simulator
    assert simulator.stop() == 0
    await simulator.client.aclose()
