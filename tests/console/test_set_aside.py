"""What was set aside is shown in one list, settled as a person confirmed, and in the audit."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from postbox.console.audit.log import COLLECTION
from postbox.console.security.access import Access
from postbox.console.security.passwords import hash_password
from postbox.console.security.sessions import COOKIE
from postbox.operations import redrive
from tests.cli.harness import TYPE, CliHarness, headers
from tests.console.harness import JSON, Browser, console, settings
from tests.eventually import LIMIT_S, eventually


async def act(browser: Browser, action: str, page: str = "/set-aside", **fields: Any) -> Any:
    """Choose, confirm, and wait until it is over; the audit's entry."""
    asked = await browser.post(
        "/set-aside/confirm", await browser.html(page), action=action, **fields
    )
    assert asked.status_code == 200, asked.text
    return await over(browser, await confirmed(browser, asked.text))


async def confirmed(browser: Browser, page: str, **fields: Any) -> str:
    """Say yes; the address of what was begun."""
    plan = re.search(r'name="plan" value="([\w-]+)"', page)
    assert plan is not None, page
    begun = await browser.post("/set-aside/do", page, plan=plan[1], **fields)
    assert begun.status_code == 303, begun.text
    return str(begun.headers["location"])


def done(entry: Any) -> list[str]:
    return [id_ for place in entry["places"] for id_ in place["done"]]


async def over(browser: Browser, entry: str) -> Any:
    async def look() -> Any:
        found = (await browser.json(entry))["entry"]
        return None if found["is_running"] else found

    return await eventually(look)


async def test_all_that_is_set_aside_is_in_one_list(browser: Browser, harness: CliHarness) -> None:
    dead = await harness.set_aside("invalid")
    await harness.set_aside("handler_failed")
    nobodys = await harness.publish("nobody.wants.it")
    parked = await harness.add_parked("JSON has no value for nan")
    await harness.holds(harness.dead, 2)
    await harness.holds(harness.unrouted, 1)

    found = await browser.json("/set-aside")
    assert found["count"] == 4
    kinds = {item["id"]: item["kind"] for item in found["items"]}
    assert (kinds[dead], kinds[nobodys], kinds[parked]) == ("dead letter", "unrouted", "parked")
    groups = {(one["place"], one["type"], one["reason"]): one["count"] for one in found["groups"]}
    assert groups[harness.dead, TYPE, "invalid"] == 1
    assert groups["shop", TYPE, "JSON has no value for nan"] == 1

    for query, count in ((f"place={harness.dead}", 2), ("reason=invalid", 1), ("type=x", 0)):
        assert (await browser.json(f"/set-aside?{query}"))["count"] == count
    await browser.json("/set-aside?place=nobody", 422)
    for item in found["items"]:
        one = httpx.QueryParams(place=item["place"], id=item["id"])
        assert item["id"] in await browser.html(f"/set-aside/item?{one}")
    await browser.json(f"/set-aside/item?place={harness.dead}&id=nobody", 404)
    await harness.holds(harness.dead, 2)


async def test_one_some_and_all_are_redriven_as_they_came(
    browser: Browser, harness: CliHarness
) -> None:
    first = await harness.set_aside("invalid")
    others = [await harness.set_aside("handler_failed") for _ in range(3)]
    parked = await harness.add_parked("too long")
    await harness.holds(harness.dead, 4)

    page = f"/set-aside/item?place={harness.dead}&id={first}"
    entry = await act(browser, "redrive", page, id=f"{harness.dead}/{first}")
    assert (entry["state"], done(entry), entry["by"]) == (
        "done", [first], "somebody at this machine",
    )  # fmt: skip
    (message,) = await harness.pull(harness.queue, 1)
    assert message.message_id == first
    assert "x-postbox-reason" not in headers(message)

    entry = await act(
        browser, "redrive", "/set-aside?reason=handler_failed", reason="handler_failed"
    )
    assert set(done(entry)) == set(others)
    await harness.holds(harness.dead, 0)
    row = await harness.rows.find_one({"_id": parked})
    assert row is not None
    assert row["state"] == "parked"

    entry = await act(browser, "redrive")
    assert done(entry) == [parked]
    row = await harness.rows.find_one({"_id": parked})
    assert row is not None
    assert row["state"] == "pending"
    assert "Nothing is set aside" in await browser.html("/set-aside")


async def test_only_what_was_confirmed_is_dropped(browser: Browser, harness: CliHarness) -> None:
    """A letter that comes between the question and the answer stays."""
    dropped = await harness.set_aside()
    parked = await harness.add_parked("too long")
    await harness.holds(harness.dead, 1)
    asked = await browser.post(
        "/set-aside/confirm", await browser.html("/set-aside"), action="drop"
    )
    assert "Drop 1?" in asked.text
    assert "1 parked rows are left out" in asked.text
    later = await harness.set_aside()
    await harness.holds(harness.dead, 2)

    entry = await over(browser, await confirmed(browser, asked.text))

    assert done(entry) == [dropped]
    (message,) = await harness.pull(harness.dead, 1)
    assert message.message_id == later
    assert await harness.rows.count_documents({"_id": parked, "state": "parked"}) == 1
    again = await browser.post(
        "/set-aside/do", asked.text, plan=re.findall(r'"plan" value="([\w-]+)"', asked.text)[0]
    )
    assert again.status_code == 409


async def test_sent_to_another_queue(browser: Browser, harness: CliHarness) -> None:
    id_ = await harness.publish("nobody.wants.it")
    await harness.holds(harness.unrouted, 1)
    asked = await browser.post(
        "/set-aside/confirm", await browser.html("/set-aside"), action="send"
    )
    entry = await over(
        browser, await confirmed(browser, asked.text, to="queue", name=harness.queue)
    )
    assert (entry["state"], entry["to"]) == ("done", f"queue {harness.queue}")
    (message,) = await harness.pull(harness.queue, 1)
    assert message.message_id == id_


async def test_where_it_cannot_go_it_stays(browser: Browser, harness: CliHarness) -> None:
    await harness.set_aside()
    await harness.holds(harness.dead, 1)
    asked = await browser.post(
        "/set-aside/confirm", await browser.html("/set-aside"), action="send"
    )
    entry = await over(
        browser, await confirmed(browser, asked.text, to="queue", name="no.such.queue")
    )
    assert (entry["state"], done(entry)) == ("failed", [])
    assert entry["problem"]
    await harness.holds(harness.dead, 1)


async def test_it_is_in_the_audit_before_it_is_done_and_can_be_stopped(
    browser: Browser, harness: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job goes on with nobody looking; stopped, it has lost nothing."""
    for _ in range(5):
        await harness.set_aside()
    await harness.holds(harness.dead, 5)
    drop, seen = redrive.drop, list[str]()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: Any, done: redrive.Done) -> None:
        entry = await harness.database[COLLECTION].find_one({"state": "running"})
        seen.append("in the audit" if entry else "not there")
        begun.set()
        await go_on.wait()
        await drop(*arguments, done=done)

    monkeypatch.setattr(redrive, "drop", slowly)
    asked = await browser.post(
        "/set-aside/confirm", await browser.html("/set-aside"), action="drop"
    )
    entry = await confirmed(browser, asked.text)
    try:
        async with asyncio.timeout(LIMIT_S):
            await begun.wait()
        assert seen == ["in the audit"]
        assert (await browser.json(entry))["entry"]["is_running"]
        assert "under way" in await browser.html("/set-aside")
        await browser.post(f"{entry}/stop", await browser.html(entry))
    finally:
        go_on.set()

    ended = await over(browser, entry)
    assert (ended["state"], len(done(ended)), ended["total"]) == ("stopped", 1, 5)
    await harness.holds(harness.dead, 4)


async def test_a_letter_that_dies_again_says_how_often_it_was_sent(
    browser: Browser, harness: CliHarness
) -> None:
    await harness.set_aside()
    await harness.holds(harness.dead, 1)
    (id_,) = done(await act(browser, "redrive"))
    (message,) = await harness.pull(harness.queue, 1)
    await harness.channel.default_exchange.publish(message, harness.dead)
    await harness.holds(harness.dead, 1)

    (item,) = (await browser.json("/set-aside"))["items"]
    assert (item["id"], item["sent_again"]) == (id_, 1)
    found = await browser.json(f"/audit?id={id_}&action=redrive&state=done&since=1h")
    assert [entry["total"] for entry in found["entries"]] == [1]
    assert (await browser.json("/audit?by=nobody"))["entries"] == []
    assert "redrive" in await browser.html("/audit")


async def test_an_entry_of_a_console_that_ended_says_so(
    browser: Browser, harness: CliHarness
) -> None:
    await harness.database[COLLECTION].insert_one(
        {"_id": "e1", "by": "ada", "action": "drop", "to": None, "places": [], "total": 3,
         "state": "running", "at": None}
    )  # fmt: skip
    assert (await browser.json("/audit/e1"))["entry"]["state"] == "interrupted"
    assert len((await browser.json("/audit?state=interrupted"))["entries"]) == 1


async def test_nobody_acts_by_another_sites_form_nor_who_may_only_look(
    harness: CliHarness,
) -> None:
    await harness.set_aside()
    await harness.holds(harness.dead, 1)
    looks = {"console_look_password_hash": hash_password("look", n=16)}
    of = settings(harness, **looks)
    async with console(of) as browser:
        await browser.http.post("/sign-in", data={"name": "eve", "password": "look"})
        page = await browser.html("/set-aside")
        assert 'value="drop"' not in page
        sessions = Access(of).sessions
        eve = sessions.read(browser.http.cookies[COOKIE])
        assert eve is not None
        form = {"action": "drop", "token": sessions.token(eve)}
        refused = await browser.http.post("/set-aside/confirm", data=form, headers=JSON)
        assert (refused.status_code, refused.json()["title"]) == (403, "You may look, and not act")
    async with console(settings(harness, mongo_uri=None)) as browser:
        page = await browser.html("/set-aside")
        assert "MONGO_URI" in page
        assert 'value="drop"' not in page
    async with console(settings(harness)) as browser:
        for data in ({"action": "drop"}, {"action": "drop", "token": "0" * 64}):
            answer = await browser.http.post("/set-aside/confirm", data=data, headers=JSON)
            assert answer.status_code == 403
    await harness.holds(harness.dead, 1)


async def test_bodies_are_masked(harness: CliHarness) -> None:
    id_ = await harness.set_aside()
    await harness.holds(harness.dead, 1)
    async with console(settings(harness, console_hide="n")) as browser:
        found = await browser.json(f"/set-aside/item?place={harness.dead}&id={id_}")
    assert found["content"]["body"]["data"] == {"n": "•••"}
