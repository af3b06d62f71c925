"""A console for each test, on the session's real servers."""

from collections.abc import AsyncIterator

import pytest

from tests.cli.conftest import harness
from tests.cli.harness import CliHarness
from tests.console.harness import Browser, console, settings

__all__ = ["harness"]


@pytest.fixture
async def browser(harness: CliHarness) -> AsyncIterator[Browser]:
    """Without sign-in, on loopback."""
    async with console(settings(harness)) as browser:
        yield browser
