"""Scenarios are offered where there is who plays them; nobody plays any who may not."""

import pytest

from postbox.console.audit.log import COLLECTION
from postbox.console.security.access import Access
from postbox.console.security.passwords import hash_password
from postbox.console.security.sessions import COOKIE
from stack.servers.ports import free_port
from tests.cli.harness import CliHarness
from tests.console.harness import JSON, Browser, console, settings


@pytest.fixture
def nobody() -> str:
    """The address of a player that does not run."""
    return f"http://:token@127.0.0.1:{free_port()}"


async def test_elsewhere_there_are_none(browser: Browser) -> None:
    assert "Scenarios" not in await browser.html("/")
    await browser.json("/scenarios", 404)
    assert (await browser.http.post("/scenarios", headers=JSON)).status_code == 404


async def test_nobody_plays_by_another_sites_form_nor_who_may_only_look(
    harness: CliHarness, nobody: str
) -> None:
    wanted = {"scenario": "trivial"}
    async with console(settings(harness, console_scenarios=nobody)) as browser:
        for form in (wanted, {**wanted, "token": "0" * 64}):
            refused = await browser.http.post("/scenarios", data=form, headers=JSON)
            assert refused.status_code == 403
    looks = {"console_look_password_hash": hash_password("look", n=16)}
    of = settings(harness, console_scenarios=nobody, **looks)
    async with console(of) as browser:
        await browser.http.post("/sign-in", data={"name": "eve", "password": "look"})
        sessions = Access(of).sessions
        eve = sessions.read(browser.http.cookies[COOKIE])
        assert eve is not None
        form = {**wanted, "token": sessions.token(eve)}
        refused = await browser.http.post("/scenarios", data=form, headers=JSON)
        assert (refused.status_code, refused.json()["title"]) == (403, "You may look, and not act")
    assert await harness.database[COLLECTION].count_documents({}) == 0


async def test_who_plays_them_being_away_is_told(harness: CliHarness, nobody: str) -> None:
    async with console(settings(harness, console_scenarios=nobody)) as browser:
        assert "Scenarios" in await browser.html("/")
        said = await browser.json("/scenarios", 503)
        assert "gave no answer" in said["detail"]
