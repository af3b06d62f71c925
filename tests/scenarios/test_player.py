"""The console's buttons: who plays the stories, asked over HTTP; and a person who presses one."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.async_api import expect

from scenarios.player.http import application
from scenarios.player.plays import PLAYING, WENT_WELL, Plays
from scenarios.registry import SCENARIOS
from tests.console.chromium import chromium_of_tests
from tests.console.for_everybody import DESK, PHONE, axe_script, is_for_everybody
from tests.eventually import eventually
from tests.scenarios.conftest import Played

# The first test of all pays for the playing of every story.
pytestmark = pytest.mark.timeout(300)
TOKEN: Final = "token"
PLAYED_WITHIN_MS: Final = 60_000


@pytest.fixture
async def player(played: Played) -> AsyncIterator[httpx.AsyncClient]:
    plays = Plays(played.stack)
    app = httpx.ASGITransport(application(plays, token=TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=app, base_url="http://player", headers=headers
    ) as client:
        yield client
    await plays.end()


async def test_one_story_at_a_time_is_played_once(player: httpx.AsyncClient) -> None:
    begun = await player.post("/plays", json={"id": "a", "scenario": "trivial"})
    assert (begun.status_code, begun.json()["state"]) == (202, PLAYING)
    other = await player.post("/plays", json={"id": "b", "scenario": "payment-first"})
    assert (other.status_code, "trivial" in other.json()["title"]) == (409, True)

    async def over() -> Any:
        play = (await player.get("/plays/a")).json()
        return None if play["state"] == PLAYING else play

    ended = await eventually(over)
    assert (ended["state"], ended["problems"], len(ended["subjects"])) == (WENT_WELL, [], 1)
    again = await player.post("/plays", json={"id": "a", "scenario": "trivial"})
    assert again.json() == ended


async def test_nobody_plays_without_the_token_or_what_there_is_not(
    player: httpx.AsyncClient,
) -> None:
    wanted = {"id": "c", "scenario": "trivial"}
    for method, path in (("GET", "/scenarios"), ("POST", "/plays"), ("GET", "/plays/c")):
        stranger = {"Authorization": "Bearer other"}
        answer = await player.request(method, path, json=wanted, headers=stranger)
        assert answer.status_code == 401
    assert (await player.post("/plays", json={**wanted, "scenario": "no"})).status_code == 422
    assert (await player.post("/plays", json={"scenario": "trivial"})).status_code == 422
    assert (await player.get("/plays/c")).status_code == 404
    names = [one["name"] for one in (await player.get("/scenarios")).json()["scenarios"]]
    assert names == list(SCENARIOS)


async def test_who_presses_a_button_sees_the_flow_happen(played: Played, tmp_path: Path) -> None:
    """And each of its pages is for everybody."""
    stack, axe = played.stack, axe_script(tmp_path)
    try:
        for program in ("scenarios", "console"):
            await stack.release(program, wait=False)
        await stack.ready("scenarios", "console")
        async with chromium_of_tests() as browser:
            page = await browser.new_page(base_url=stack.info.console.url)

            async def every_size_fits() -> None:
                for size in (PHONE, DESK):
                    await page.set_viewport_size(size)
                    await is_for_everybody(page, axe)

            await page.goto("/")
            await page.get_by_role("link", name="Scenarios").click()
            await every_size_fits()
            await page.get_by_role("button", name="Payment first").click()
            await expect(page.locator("h1 .state")).to_have_text(
                "went well", timeout=PLAYED_WITHIN_MS
            )
            flow = page.locator("svg.flow.wide")
            for type_ in ("payment.captured", "booking.intent.created", "booking.confirmed"):
                await expect(flow.get_by_text(type_, exact=True)).to_be_visible()
            await every_size_fits()
            await page.get_by_role("link", name="The flow of").click()
            await expect(page).to_have_url(re.compile("/flow"))
            await page.go_back()
            await page.get_by_role("link", name="In the audit").click()
            await expect(page.locator(".entry .state")).to_have_text("done")
            await expect(page.locator(".entry")).to_contain_text("payment-first")
    finally:
        for program in ("console", "scenarios"):
            await stack.hold(program)
