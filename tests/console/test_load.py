"""What the console asks of MongoDB and the broker's API: little while watched, else next to none.

Counted, not timed.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import httpx
import pytest
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from postbox.console.overview import watch
from postbox.console.overview.management import Management
from postbox.mongo import connect
from postbox.operations import flow
from postbox.operations.rates import COUNTED_MAX
from tests.cli.harness import CliHarness
from tests.console.harness import console, settings
from tests.eventually import eventually

LOOKS: Final = int(10 / watch.EVERY_S)
FAST_S: Final = 0.05
OF_A_LOOK: Final = Counter(
    aggregate=7,  # the leases; the count and the age of what is pending; the other four counts
    find=1,  # the first that is scheduled
)
"""Of one source, at most."""


class Commands(CommandListener):
    def __init__(self) -> None:
        self.names = Counter[str]()

    def started(self, event: CommandStartedEvent) -> None:
        self.names[event.command_name] += 1

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


async def test_what_a_look_asks_of_a_database(
    harness: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands()
    listened = partial(connect, listeners=(commands,))
    monkeypatch.setattr("postbox.console.sources.connect", listened)
    monkeypatch.setattr(watch, "EVERY_S", FAST_S)
    await harness.add_published(300, age_s=1)
    await harness.add(3)
    await harness.add(2, state="scheduled", deliver_at=datetime.now(UTC) + timedelta(days=1))
    async with console(settings(harness)) as browser:
        await browser.json("/")  # what changes seldom is known from here on
        commands.names.clear()
        async with browser.http.stream("GET", "/live") as answer:
            looks = 1  # one may be under way
            async for line in answer.aiter_lines():
                looks += line.startswith("event: overview")
                if looks > LOOKS:
                    break
            asked = Counter(commands.names)
        assert asked <= Counter({name: looks * of for name, of in OF_A_LOOK.items()})

        async def ask_nothing() -> bool:
            commands.names.clear()
            await asyncio.sleep(LOOKS * 2 * FAST_S)
            return not commands.names

        await eventually(ask_nothing)  # the last look takes its time


async def test_what_ten_seconds_of_watching_ask_of_the_brokers_api() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json=[])

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        management = Management("http://guest:guest@127.0.0.1:15672", "/", http)
        for _ in range(LOOKS):
            await management.look("events")
    assert sum("bindings" in path for path in asked) == LOOKS
    assert sum("queues" in path for path in asked) == 1


async def test_a_rate_of_many_is_told_by_the_newest(harness: CliHarness) -> None:
    since = datetime.now(UTC) - timedelta(seconds=60)
    await harness.add_published(COUNTED_MAX + 500, age_s=2)
    until = datetime.now(UTC)
    found = await flow(harness.database, since, until)
    assert found.written_per_s > COUNTED_MAX / 60
    assert COUNTED_MAX / 60 < found.published_per_s <= COUNTED_MAX / 2
