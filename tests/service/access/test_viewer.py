"""The page of the API, in a real Chromium: it shows every path, and tries one out.

Left out where there is no Chromium and none can be installed, but never in CI.
"""

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from stack.errors import ServerMissing
from tests.console.chromium import chromium
from tests.service.booking_system import BookingSystem

SHOWN_WITHIN_MS = 20_000


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    try:
        async with chromium() as browser:
            yield await browser.new_page()
    except ServerMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


async def test_it_shows_every_path_and_books(shared_system: BookingSystem, page: Page) -> None:
    """Nothing is loaded from elsewhere, and its own content security policy lets it be."""
    complaints: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.add(request.url))
    page.set_default_timeout(SHOWN_WITHIN_MS)
    await page.goto(f"{shared_system.gateway}/docs")
    document = (await shared_system.http.get(f"{shared_system.gateway}/openapi.json")).json()
    for path in document["paths"]:
        await expect(page.locator(f'[data-path="{path}"]').first).to_be_visible(
            timeout=SHOWN_WITHIN_MS
        )
    before = await shared_system.written()
    intent = page.locator("#operations-default-createIntent")
    await intent.locator(".opblock-summary-control").click()
    await intent.get_by_role("button", name="Execute").click()
    answer = intent.locator(".live-responses-table tr.response .response-col_status")
    await expect(answer).to_contain_text("202", timeout=SHOWN_WITHIN_MS)
    after = await shared_system.written()
    assert after["gateway.intents"] == before["gateway.intents"] + 1
    assert {url for url in asked if not url.startswith((shared_system.gateway, "data:"))} == set()
    assert complaints == []


async def test_a_file_that_is_none_of_its_own(shared_system: BookingSystem) -> None:
    for name in ("README.md", "..%2fpage.py", "%2e%2e/page.py", "swagger-ui.css%00"):
        answer = await shared_system.http.get(f"{shared_system.gateway}/docs/{name}")
        assert answer.status_code == 404
