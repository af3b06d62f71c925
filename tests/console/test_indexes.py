"""Every query of the console goes by an index, so that a page costs the same with more events."""

from typing import Final
from urllib.parse import quote

from tests.cli.harness import CliHarness
from tests.console.harness import Browser, console, settings
from tests.console.test_set_aside import act
from tests.eventually import eventually

ALL: Final = 2
"""The level at which mongod writes down every operation, with its plan."""
ROWS: Final = 300
TRACE: Final = "a" * 32


async def _plans(harness: CliHarness) -> dict[str, set[str]]:
    """The plans that the console's operations had, by collection."""
    plans: dict[str, set[str]] = {}
    wanted = {"appName": "postbox console", "planSummary": {"$exists": True}}
    async for one in harness.database["system.profile"].find(wanted):
        collection = one["ns"].partition(".")[2]
        plans.setdefault(collection, set()).add(one["planSummary"])
    return plans


async def test_no_page_looks_through_a_collection(browser: Browser, harness: CliHarness) -> None:
    ids = await harness.add_published(ROWS, age_s=30)
    await harness.add(3)
    await harness.add_parked("JSON has no value for nan")
    await harness.database["inbox"].insert_one({"_id": f"mail/{ids[0]}", "at": None})
    await harness.set_aside()
    await harness.holds(harness.dead, 1)
    await harness.database.command("profile", ALL)

    async def is_looked_at_anew() -> bool:
        await browser.html("/")
        return "relay_checkpoint" in await _plans(harness)

    try:
        await eventually(is_looked_at_anew)
        for path in (
            "/events",
            "/events?state=pending",
            "/events?state=published&type=order.placed&since=1h",
            "/events?subject=s1",
            f"/events?trace={TRACE}",
            f"/events?id={ids[0]}",
            "/events?text=nobody",
            f"/events/shop/{ids[0]}",
            f"/find?q={quote('s1')}",
            "/flow?subject=s1",
            f"/flow?trace={TRACE}",
            "/set-aside",
            "/audit",
            "/map",
        ):
            answer = await browser.http.get(path, follow_redirects=True)
            assert answer.status_code == 200, path
        await act(browser, "redrive")
        await browser.json("/audit?id=x&by=ada&since=1h")
    finally:
        await harness.database.command("profile", 0)
    plans = await _plans(harness)
    assert set(plans) >= {"outbox", "inbox", "console_audit", "relay_checkpoint"}
    scans = {
        name: found for name, found in plans.items() if any("COLLSCAN" in one for one in found)
    }
    assert scans == {}


async def test_with_an_index_of_its_own_a_subject_is_found_by_that(harness: CliHarness) -> None:
    await harness.add_published(ROWS, age_s=30)
    await harness.rows.create_index([("subject", 1), ("_id", 1)], name="of_subject")
    await harness.database.command("profile", ALL)
    async with console(settings(harness)) as browser:
        assert (await browser.json("/events?subject=s1"))["looked_through"] == {}
    await harness.database.command("profile", 0)
    assert "IXSCAN { subject: 1, _id: 1 }" in (await _plans(harness))["outbox"]
