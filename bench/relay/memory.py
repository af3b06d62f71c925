"""The relay's memory over a long backlog, without a token: it reads every pending row there is."""

import asyncio
from typing import Final

from bench.process import rss_mb, rss_mb_max
from bench.relay.relay_process import RelayProcess
from bench.relay.source import FirstDelivery, Source
from bench.relay.throughput import SLOWEST_PER_S, START_LIMIT_S
from bench.workbench import Figures, Workbench, until

TENTH: Final = 10


async def measure(bench: Workbench) -> Figures:
    count = bench.scale.backlog_rows
    async with Source.fresh(bench) as source, RelayProcess(bench) as relay:
        bench.say(f"memory: committing a backlog of {count:,} events")
        ids = await source.fill(count)
        bench.say("memory: the relay works it off, without a token")
        first = await FirstDelivery.awaited(source)
        await relay.start_soon()
        began_s = await first.at_s(limit_s=START_LIMIT_S)
        limit_s = START_LIMIT_S + count / SLOWEST_PER_S
        await _marked(source, ids[count // TENTH], limit_s)
        early_mb = rss_mb(relay.pid)
        await source.all_marked(ids[-1], limit_s=limit_s)
        took_s = asyncio.get_running_loop().time() - began_s
        largest_mb = rss_mb_max(relay.pid)
        await first.take()
        await source.emptied(count - 1)
    return {
        "relay.rss_mb_max": largest_mb,
        "relay.rss_mb_after_a_tenth": early_mb,
        "relay.backlog_rows": float(count),
        "relay.backfill_events_per_s": count / took_s,
    }


async def _marked(source: Source, event_id: str, limit_s: float) -> None:
    async def is_marked() -> bool:
        row = await source.rows.find_one({"_id": event_id}, {"state": 1})
        return row is not None and row["state"] == "published"

    await until(is_marked, "the relay to mark a tenth", limit_s=limit_s)
