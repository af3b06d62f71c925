"""Events are found by anything, over all sources, and each page says what became of one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from postbox.console.masking import MASK, Masking
from postbox.events import new_id
from tests.cli.harness import TYPE, CliHarness
from tests.console.harness import Browser, console, settings
from tests.eventually import LIMIT_S


def ids(found: Any) -> list[str]:
    return [event["id"] for event in found["events"]]


async def test_found_by_each_criterion_and_by_all_together(
    browser: Browser, harness: CliHarness
) -> None:
    old = (await harness.add_published(1, age_s=7_200, type="order.old"))[0]
    pending = await harness.add(3)
    parked = await harness.add_parked("JSON has no value for nan", subject="special")
    trace = f"{2:032x}"

    assert set(ids(await browser.json("/events"))) == {old, *pending, parked}
    for query, expected in (
        ("type=order.old", {old}),
        ("state=pending", set(pending)),
        ("state=parked", {parked}),
        ("subject=special", {parked}),
        (f"subject=s1&type={TYPE}", {pending[1]}),
        (f"id={pending[0]}", {pending[0]}),
        (f"trace={trace}", {pending[1]}),
        ("since=1h", {*pending, parked}),
        ("until=1h", {old}),
        ("since=1h&state=pending&subject=s2", {pending[2]}),
        ("source=shop&state=published", {old}),
        ("subject=nobody", set()),
        ("text=%22N%22:2&state=pending", {pending[2]}),
        ("text=nobody", set()),
    ):
        found = await browser.json(f"/events?{query}")
        assert set(ids(found)) == expected, query
        assert found["looked_through"] == {}


async def test_text_in_data_is_looked_for_so_many_rows_at_a_time(
    browser: Browser, harness: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postbox.operations.event_search.READ_MAX", 2)
    monkeypatch.setattr("postbox.operations.event_search.SCAN_S", LIMIT_S)
    (wanted,) = await harness.add(1, data={"note": "look here"})
    await harness.add(3)

    first = await browser.json("/events?text=look+here")
    assert (ids(first), first["looked_through"]) == ([], {"shop": 2})
    assert "2 rows of shop were looked through" in await browser.html("/events?text=look+here")
    second = await browser.json(first["next"])
    assert ids(second) == [wanted]


async def test_what_is_asked_wrongly_is_named(browser: Browser) -> None:
    for query, field in (
        ("trace=xyz", "trace"),
        ("since=yesterday", "since"),
        ("source=nobody", "source"),
        ("subject=" + "x" * 400, "subject"),
        ("cursor=%00", "go on"),
    ):
        assert field in (await browser.json(f"/events?{query}", 422))["title"]


async def test_pages_follow_one_another_whole_and_in_order(
    browser: Browser, harness: CliHarness
) -> None:
    """Ids of three kinds, one page after another: each event comes once."""
    texts = await harness.add(120)
    await harness.add(1, _id=ObjectId())
    await harness.add(1, _id="plain text")
    seen, pages = list[str](), 0
    path: str | None = "/events"
    while path is not None:
        found = await browser.json(path)
        seen += ids(found)
        path, pages = found["next"], pages + 1
    assert pages == 3
    assert len(seen) == len(set(seen)) == 122
    assert [id_ for id_ in seen if id_ in set(texts)] == sorted(texts, reverse=True)


async def test_sources_are_merged_by_time(harness: CliHarness) -> None:
    other = harness.database.client[f"{harness.database.name}_o"]
    uri = harness.space.mongo_uri.replace(harness.database.name, other.name)
    at = datetime.now(UTC)
    for number in range(130):
        rows = other["outbox"] if number % 2 else harness.rows
        time = at + timedelta(milliseconds=number)
        row = {"_id": new_id(), "type": TYPE, "subject": f"s{number}", "data": {}, "time": time}
        await rows.insert_one(row)
    try:
        both = f"{harness.variables['RELAY_SOURCES']},other={uri}"
        async with console(settings(harness, console_sources=both)) as browser:
            seen = list[str]()
            path: str | None = "/events"
            while path is not None:
                found = await browser.json(path)
                seen += [event["subject"] for event in found["events"]]
                path = found["next"]
    finally:
        await harness.database.client.drop_database(other.name)
    assert seen == [f"s{number}" for number in reversed(range(130))]


async def test_a_search_that_no_index_serves_is_bounded_and_says_so(
    browser: Browser, harness: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postbox.operations.event_search.STEP", 25)
    monkeypatch.setattr("postbox.operations.event_search.SCAN_MAX", 50)
    monkeypatch.setattr("postbox.operations.event_search.SCAN_S", LIMIT_S)
    (wanted,) = await harness.add(1, subject="needle")
    await harness.add(120)

    first = await browser.json("/events?subject=needle")
    assert (ids(first), first["looked_through"]) == ([], {"shop": 50})
    assert "were looked through" in await browser.html("/events?subject=needle")
    second = await browser.json(first["next"])
    third = await browser.json(second["next"])
    assert (ids(third), third["next"]) == ([wanted], None)

    monkeypatch.setattr("postbox.operations.event_search.SCAN_S", 0.0)
    hasty = await browser.json("/events?subject=needle")
    assert (ids(hasty), hasty["looked_through"]) == ([], {"shop": 25})

    await harness.rows.create_index("subject")
    served = await browser.json("/events?subject=needle")
    assert (ids(served), served["looked_through"]) == ([wanted], {})


async def test_one_event_has_its_whole_life(browser: Browser, harness: CliHarness) -> None:
    (id_,) = await harness.add_published(1, age_s=0.5)
    at = datetime.now(UTC)
    inbox = harness.database["inbox"]
    await inbox.insert_many(
        [{"_id": f"{name}/{id_}", "at": at} for name in ("mail", "shop.events", "svc/stock")]
        + [{"_id": f"mail/{new_id()}", "at": at} for _ in range(5)]
    )

    found = await browser.json(f"/events/shop/{id_}")

    assert found["event"]["data"] == {"n": 0}
    assert found["event"]["state"] == "published"
    takers = {one["consumer"] for one in found["taken_up"]}
    assert takers == {"mail", "shop.events", "svc/stock"}
    page = await browser.html(f"/events/shop/{id_}")
    assert "taken up by <strong>svc/stock</strong>" in page
    assert (await browser.http.get(f"/find?q={id_}")).headers["location"] == f"/events/shop/{id_}"
    await browser.json("/events/shop/nobody", 404)
    await browser.json(f"/events/nobody/{id_}", 404)


async def test_find_leads_to_whatever_was_typed(browser: Browser, harness: CliHarness) -> None:
    await harness.add(1, subject="a b&c")
    for typed, location in (
        ("a b%26c", "/flow?subject=a+b%26c"),
        ("F" * 32, "/flow?trace=" + "f" * 32),
        ("nobody", "/events?subject=nobody"),
    ):
        answer = await browser.http.get(f"/find?q={typed}")
        assert answer.headers["location"] == location


async def test_rows_of_other_producers_are_shown_as_they_are(
    browser: Browser, harness: CliHarness
) -> None:
    hostile = "<script>alert(1)</script>"
    row = {"_id": ObjectId(), "type": hostile, "subject": 7, "data": {hostile: [hostile, None]}}
    await harness.rows.insert_one({**row, "time": "never", "traceparent": 3, "more": b"\xff"})
    page = await browser.html("/events")
    assert hostile not in page
    assert "&lt;script&gt;" in page
    page = await browser.html(f"/events/shop/{row['_id']}")
    assert hostile not in page
    found = await browser.json(f"/events/shop/{row['_id']}")
    assert found["event"]["others"] == {"more": "\\xff"}


async def test_what_is_to_be_hidden_is_on_no_page(harness: CliHarness) -> None:
    data = {"customer": {"email": "ada@example.org", "city": "Bern"}, "items": [{"note": "ring"}]}
    (id_,) = await harness.add(1, data=data)
    of = settings(harness, console_hide="customer.email items.*.note")
    async with console(of) as browser:
        page = await browser.html(f"/events/shop/{id_}")
        found = await browser.json(f"/events/shop/{id_}")
        assert ids(await browser.json("/events?text=BERN")) == [id_]
        assert ids(await browser.json("/events?text=example.org")) == []
    assert "Bern" in page
    assert "ada@example.org" not in page
    assert "ring<" not in page
    assert found["event"]["data"] == {
        "customer": {"email": MASK, "city": "Bern"},
        "items": [{"note": MASK}],
    }


def test_masking_leaves_the_original_and_what_has_no_such_path() -> None:
    data = {"a": [{"b": 1}, 2], "c": {"b": 3}}
    assert Masking(["*.b", "a.0.b", "x.y"])(data) == {"a": [{"b": MASK}, 2], "c": {"b": MASK}}
    assert data == {"a": [{"b": 1}, 2], "c": {"b": 3}}
