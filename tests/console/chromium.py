"""A real browser for the tests: Debian's Chromium, installed where that is possible.

`python -m tests.console.chromium` installs it beforehand, which takes longer than a test may.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from playwright.async_api import Browser, async_playwright

from stack.errors import ServerMissing
from stack.servers import apt

NAME: Final = "chromium"
NOT_IN_A_SANDBOX: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
"""As root in a container there is none, and it sees our own pages alone."""


def ensure_chromium() -> str:
    """Where it is. ServerMissing says what to do where it cannot be had."""
    found = shutil.which(NAME)
    if found is None:
        apt.install(NAME, why="the tests of the console need Chromium")
        found = shutil.which(NAME)
    if found is None:
        raise ServerMissing("Chromium was installed, and there is no such command")
    return found


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    path = ensure_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=list(NOT_IN_A_SANDBOX)
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def chromium_of_tests() -> AsyncIterator[Browser]:
    """The same; a test for which there is none is left out, but never in CI."""
    try:
        ensure_chromium()
    except ServerMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    async with chromium() as browser:
        yield browser


if __name__ == "__main__":
    try:
        ensure_chromium()
    except ServerMissing as error:
        print(f"{error}\nWithout it, those tests are left out.", file=sys.stderr)
