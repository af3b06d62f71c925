"""What a console takes from the relay, with one browser on its overview.

Catching up with it and without are run in turn, again and again, and compared within a turn: a
machine that slows down slows both.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Final

import httpx

from bench.relay.relay_process import RelayProcess
from bench.relay.source import QUEUE, Source, drained
from bench.relay.throughput import START_LIMIT_S, Run, catch_up
from bench.workbench import Figures, Workbench

NAME: Final = "console"
LOOKS_BEFORE: Final = 2
"""The first ones, which are dearer, are over when it is measured."""


async def measure(bench: Workbench) -> Figures:
    count = bench.scale.traced_rows
    with_console, without = list[Run](), list[Run]()
    async with Source.fresh(bench) as source, RelayProcess(bench) as relay:
        await relay.stream_once(source)
        await drained(source, 1)
        for number in range(bench.scale.traced_rounds):
            for is_open in (True, False) if number % 2 else (False, True):
                what = "with a console open" if is_open else "with none"
                bench.say(f"console: {count:,} events, {what}")
                ids = await source.fill(count)
                if is_open:
                    async with _open(bench):
                        with_console.append(await catch_up(bench, source, relay, ids))
                else:
                    without.append(await catch_up(bench, source, relay, ids))
                await relay.stop()
                await source.emptied(count - 1)
    pairs = zip(with_console, without, strict=True)
    kept = median(one.events_per_s / other.events_per_s for one, other in pairs)
    return {"relay.console_open.lost_percent": (1 - kept) * 100}


@asynccontextmanager
async def _open(bench: Workbench) -> AsyncIterator[None]:
    """A console, and who looks at its overview, live, for this block."""
    sources = {"CONSOLE_SOURCES": f"bench={bench.database_uri('bench')}", "CONSOLE_QUEUES": QUEUE}
    await bench.stack.release(NAME, sources)
    try:
        url = bench.stack.info.console.url
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=None) as http,
            http.stream("GET", "/live") as answer,
        ):
            seen = asyncio.Event()
            looking = asyncio.create_task(_look(answer, seen))
            try:
                async with asyncio.timeout(START_LIMIT_S):
                    await seen.wait()
                yield
            finally:
                looking.cancel()
                await asyncio.wait((looking,))
    finally:
        await bench.stack.hold(NAME)


async def _look(answer: httpx.Response, seen: asyncio.Event) -> None:
    looks = 0
    async for line in answer.aiter_lines():
        looks += line.startswith("event: overview")
        if looks == LOOKS_BEFORE:
            seen.set()
