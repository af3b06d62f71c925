"""The console in a real Chromium: each page on a phone and a desk, by day and by night.

Left out where there is no Chromium and none can be installed, but never in CI.
"""

import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, expect

from tests.cli.harness import CliHarness
from tests.console.chromium import chromium_of_tests
from tests.console.for_everybody import DESK, PHONE, axe_script, is_for_everybody
from tests.console.harness import Browser
from tests.eventually import eventually

NOTICED_WITHIN_MS: Final = 5_000


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_script(tmp_path_factory.mktemp("axe"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine() -> AsyncIterator[Chromium]:
    async with chromium_of_tests() as browser:
        yield browser


class Tab:
    """A page in a context of its own. What the browser complains of fails the test."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture
async def tab(engine: Chromium, browser: Browser) -> AsyncIterator[Tab]:
    context = await engine.new_context(base_url=browser.url, viewport=DESK)
    tab = Tab(await context.new_page())
    yield tab
    await context.close()
    assert tab.complaints == []


@pytest.fixture
async def troubled(harness: CliHarness) -> CliHarness:
    """Something of everything, with names that leave little room."""
    long = "a.type.with.a.name.as.long.as.somebody.may.want.it.to.be"
    subject = "0199-a-subject-that-is-as-long-as-an-identifier-of-somebody-else-may-be-0199"
    await harness.add(3, age_s=200)
    ids = await harness.add_published(2, age_s=30, type=long, subject=subject)
    await harness.add_parked("data.items[3].price: JSON has no value for nan " * 3, type=long)
    for reason in ("invalid", "handler_failed"):
        await harness.set_aside(reason, type_=long)
    await harness.publish("nobody.wants.it")
    await harness.holds(harness.dead, 2)
    await harness.holds(harness.unrouted, 1)
    at = (await harness.rows.find_one({"_id": ids[0]}) or {})["time"]
    await harness.database["inbox"].insert_one({"_id": f"mail/{ids[0]}", "at": at})
    return harness


async def test_every_page_fits_and_is_quiet_and_is_for_everybody(
    engine: Chromium, browser: Browser, troubled: CliHarness, axe: str
) -> None:
    """On each screen and in each theme; axe-core finds nothing."""
    found = await browser.json("/events?state=published")
    event, listed = found["events"][0], (await browser.json("/set-aside"))["items"][0]
    pages = (
        "/",
        "/map",
        "/events",
        f"/events/shop/{event['id']}",
        f"/resend?source=shop&id={event['id']}",
        f"/map/bind?queue={troubled.queue}",
        f"/flow?subject={event['subject']}",
        "/set-aside",
        f"/set-aside/item?place={listed['place']}&id={listed['id']}",
        "/audit",
        await _an_audit_of(browser, event["id"]),
        "/help",
    )
    grounds: set[str] = set()
    for size in (PHONE, DESK):
        context = await engine.new_context(base_url=browser.url, viewport=size)
        tab = Tab(await context.new_page())
        for path in pages:
            await tab.page.goto(path)
            grounds |= await is_for_everybody(tab.page, axe)
        await context.close()
        assert tab.complaints == []
    assert len(grounds) == 2


async def _an_audit_of(browser: Browser, event_id: str) -> str:
    """The page of what was done: an event is sent again."""
    page = await browser.html(f"/resend?source=shop&id={event_id}")
    done = await browser.post("/resend", page, source="shop", id=event_id, queue="")
    return done.headers["location"]


async def test_trouble_appears_by_itself(tab: Tab, harness: CliHarness) -> None:
    await tab.page.goto("/")
    await expect(tab.page.get_by_text("Dead letters wait")).to_have_count(0)
    await harness.set_aside()
    await expect(tab.page.get_by_text("Dead letters wait")).to_be_visible(timeout=NOTICED_WITHIN_MS)
    await eventually(lambda: _title_counts(tab.page))
    await tab.page.get_by_role("link", name="Look at them").last.click()
    await expect(tab.page).to_have_url(re.compile("place="))


async def _title_counts(page: Page) -> bool:
    return (await page.title()).startswith("(")


async def test_a_search_follows_what_is_typed(tab: Tab, troubled: CliHarness) -> None:
    await tab.page.goto("/events")
    rows = tab.page.locator("tbody tr")
    await expect(rows).to_have_count(6)
    await tab.page.get_by_role("textbox", name="Subject").fill("s1")
    await expect(rows).to_have_count(1)
    await expect(tab.page).to_have_url(re.compile("subject=s1"))
    await tab.page.reload()
    await expect(rows).to_have_count(1)
    await expect(tab.page.get_by_role("textbox", name="Subject")).to_have_value("s1")


async def test_from_the_list_to_the_result_by_keyboard_alone(
    tab: Tab, troubled: CliHarness
) -> None:
    await tab.page.goto("/set-aside")
    boxes = tab.page.get_by_role("checkbox", name="Choose a.type").first
    await boxes.focus()
    await tab.page.keyboard.press("Space")
    redrive = tab.page.get_by_role("button", name="Redrive")
    await expect(redrive).to_have_text("Redrive the 1 chosen")
    await redrive.focus()
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.get_by_role("heading", name="Redrive 1?")).to_be_visible()
    await tab.page.get_by_role("button", name="Redrive 1").focus()
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator(".entry .state")).to_have_text("done")
    await troubled.holds(troubled.dead, 1)
    await troubled.holds(troubled.queue, 1)

    await tab.page.keyboard.press("/")
    await expect(tab.page.locator("#find")).to_be_focused()
    await tab.page.keyboard.type("s1")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.get_by_role("heading", name="Flow of subject s1")).to_be_visible()


async def test_it_is_read_and_used_without_script(
    engine: Chromium, browser: Browser, troubled: CliHarness
) -> None:
    context = await engine.new_context(base_url=browser.url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/")
    await expect(page.get_by_text("Needs a person")).to_be_visible()
    await page.goto("/events?subject=s1")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.goto("/flow?subject=s1")
    await expect(page.locator("svg.flow.wide")).to_be_visible()
    await page.goto(f"/set-aside?place={troubled.unrouted}")
    await page.get_by_role("button", name="Drop").click()
    await page.get_by_role("button", name="Drop 1").click()
    await expect(page.locator(".entry")).to_contain_text("of 1 done")
    await troubled.holds(troubled.unrouted, 0)
    await context.close()
