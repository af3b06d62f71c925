"""The overview says how everything stands, and what needs a person, within seconds."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aio_pika.abc import AbstractIncomingMessage

from postbox.console.overview import watch
from postbox.console.overview.advice import ADVICE
from postbox.console.overview.watch import Watch
from postbox.outbox import prepare_rows
from stack.supervision.process import ROOT
from tests.cli.harness import CliHarness
from tests.console.harness import Browser, console, settings
from tests.eventually import eventually


async def test_all_is_well(browser: Browser, harness: CliHarness) -> None:
    """A leader, nothing that waits, and a consumer."""
    await _lead(harness)
    queue = await harness.channel.get_queue(harness.queue, ensure=False)
    tag = await queue.consume(_ignore)

    async def is_well() -> bool:
        return not (await browser.json("/"))["troubles"]

    await eventually(is_well)
    found = await browser.json("/")
    (source,) = found["sources"]
    assert (source["name"], source["pending"], source["leaders"]) == ("shop", 0, ["relay-1"])
    assert found["queues"][0]["consumers"] == 1
    assert "All is well" in await browser.html("/")
    await queue.cancel(tag)


async def test_what_needs_a_person_stands_on_top(browser: Browser, harness: CliHarness) -> None:
    await harness.add(3, age_s=120)
    await harness.add_parked("JSON has no value for nan")
    await harness.set_aside()
    await harness.publish("nobody.wants.it")
    await harness.holds(harness.dead, 1)
    await harness.holds(harness.unrouted, 1)

    async def all_told() -> bool:
        found = await browser.json("/")
        kinds = {trouble["kind"]: trouble["what"] for trouble in found["troubles"]}
        assert set(kinds) == {
            "DeadLettersWait",
            "EventParked",
            "EventsUnrouted",
            "NoConsumer",
            "NoRelayLeads",
            "OutboxLag",
        }
        assert "the oldest of 3 waits 2 min" in kinds["OutboxLag"]
        return True

    await eventually(all_told)
    page = await browser.html("/")
    assert page.index("Needs a person") < page.index("Sources")
    assert f'href="/set-aside?place={harness.dead}"' in page


async def test_a_server_that_is_unavailable_hides_nothing_else(
    harness: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postbox.console.sources.ASK_TIMEOUT_S", 1.0)
    away = f"{harness.variables['RELAY_SOURCES']},away=mongodb://127.0.0.1:1/away"
    of = settings(harness, console_sources=away, rabbitmq_uri="amqp://127.0.0.1:1/")
    async with console(of) as browser:
        found = await browser.json("/")
    kinds = {trouble["kind"] for trouble in found["troubles"]}
    assert kinds == {"SourceUnavailable", "BrokerUnavailable", "NoRelayLeads"}
    assert [source["name"] for source in found["sources"]] == ["shop", "away"]


async def test_scheduled_rows_are_counted_where_an_index_holds_them(harness: CliHarness) -> None:
    await harness.rows.drop_index("scheduled")  # as in an outbox of an earlier version
    await harness.add(2, state="scheduled", deliver_at=datetime.now(UTC) + timedelta(days=1))
    async with console(settings(harness)) as browser:
        (source,) = (await browser.json("/"))["sources"]
        assert source["scheduled"] is None
        assert "Scheduled" not in await browser.html("/")
    await prepare_rows(harness.rows)
    async with console(settings(harness)) as browser:
        (source,) = (await browser.json("/"))["sources"]
        assert source["scheduled"] == 2
        assert "Scheduled" in await browser.html("/")


async def test_a_queue_that_is_missing_is_told(harness: CliHarness) -> None:
    async with console(settings(harness, console_queues="no.such.queue")) as browser:
        troubles = (await browser.json("/"))["troubles"]
    assert ("QueueMissing", "no.such.queue") in [(one["kind"], one["what"]) for one in troubles]


async def test_trouble_is_shown_live_within_five_seconds(
    browser: Browser, harness: CliHarness
) -> None:
    async with browser.http.stream("GET", "/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        await _line_with(lines, "data:")
        await harness.set_aside()
        async with asyncio.timeout(5):
            await _line_with(lines, "Dead letters wait")


async def test_a_browser_that_goes_leaves_nothing_behind(
    harness: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even until the next look, which may be the console's last."""
    monkeypatch.setattr(watch, "EVERY_S", 600.0)
    monkeypatch.setattr(watch, "UNWATCHED_EVERY_S", 600.0)

    async def waiting() -> list[str]:
        coroutines = [task.get_coro() for task in asyncio.all_tasks()]
        names = [getattr(one, "__qualname__", "") for one in coroutines]
        return [name for name in names if name == Watch.after.__qualname__]

    async def are_none() -> bool:
        return not await waiting()

    async with console(settings(harness)) as browser:
        async with browser.http.stream("GET", "/live") as answer:
            lines = answer.aiter_lines()
            await _line_with(lines, "event: overview")
            with suppress(TimeoutError):  # one look more, where the first was a fresh one
                async with asyncio.timeout(3):
                    await _line_with(lines, "event: overview")
            await eventually(waiting)
        await eventually(are_none)


async def test_one_poller_serves_any_number_of_browsers(
    browser: Browser, harness: CliHarness
) -> None:
    """Ten browsers see the same looks: as many different moments as one would."""

    async def moments() -> set[str]:
        seen = set()
        async with browser.http.stream("GET", "/live") as answer:
            async for line in answer.aiter_lines():
                if found := re.search(r"As of ([\d: .-]+) UTC", line):
                    seen.add(found[1])
                if len(seen) == 2:
                    return seen
        return seen

    async with asyncio.timeout(15):
        seen = await asyncio.gather(*(moments() for _ in range(10)))
    assert len(set.union(*seen)) <= 4


def test_advice_has_the_words_of_the_manual() -> None:
    manual = " ".join(Path(ROOT / "docs" / "operating.md").read_text().replace("`", "").split())
    for advice in ADVICE.values():
        assert advice.means in manual, advice.means


async def _ignore(_: AbstractIncomingMessage) -> None:
    pass


async def _lead(harness: CliHarness) -> None:
    at = datetime.now(UTC)
    lease = {"holder": "relay-1", "fence": 1, "until": at + timedelta(minutes=5), "at": at}
    await harness.database["relay_checkpoint"].insert_one({"_id": "0/1", **lease})


async def _line_with(lines: AsyncIterator[str], text: str) -> str:
    async for line in lines:
        if text in line:
            return line
    raise AssertionError(f"the stream ended without {text}")
