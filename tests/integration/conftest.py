"""An engine, the images, and one system for all tests that leave it as they found it."""

import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest

from deploy import images as deploy_images
from deploy.docker.engine import engine
from deploy.errors import NoEngine
from deploy.images import Images
from tests.integration.run_counts import TALLY
from tests.integration.system import System

HERE: Final = Path(__file__).parent
# The first one waits for the images and the containers too.
TEST_LIMIT_S: Final = 420
_left_out: list[str] = []

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # its image is not one of ours


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(TEST_LIMIT_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY.bookings:
        terminalreporter.write_line(str(TALLY))
    for reason in _left_out:
        terminalreporter.write_line(f"LEFT OUT: the container tests: {reason}", yellow=True)


@pytest.fixture(scope="session")
def images() -> Iterator[Images]:
    """Every image, and the engine that holds them. Without one: failed in CI, else skipped."""
    try:
        with engine():
            yield deploy_images.ensure()
    except NoEngine as error:
        if os.environ.get("CI"):
            pytest.fail(f"the container tests may not be left out here: {error}")
        _left_out.append(str(error))
        pytest.skip("no container engine")
    finally:
        if TALLY.bookings:
            TALLY.write()


@pytest.fixture(scope="session")
def seed() -> int:
    """POSTBOX_SEED, or a new one. Every moment at which something breaks is drawn from it."""
    TALLY.seed = int(os.environ.get("POSTBOX_SEED") or random.SystemRandom().randrange(2**32))
    print(f"POSTBOX_SEED={TALLY.seed}")
    return TALLY.seed


@pytest.fixture(scope="session")
async def system(images: Images) -> AsyncIterator[System]:
    async with System(images) as running:
        yield running
