"""Several relays share the shards of one outbox, while rows are committed to it."""

import asyncio
from collections.abc import Sequence
from typing import Final

from bench.errors import BenchFailed
from bench.process import CpuMeter
from bench.processes.extra import extra
from bench.relay.event import SUBJECTS
from bench.relay.source import Source, drained
from bench.workbench import Figures, Workbench, until

NAME: Final = "bench"
LIMIT_S: Final = 60.0


async def relays(bench: Workbench, count: int) -> Figures:
    """`count` of them: until all rows are published and marked; each subject's in its order."""
    rows = bench.scale.relay_rows
    environment = {
        "RELAY_SOURCES": f"{NAME}={bench.database_uri(NAME)}",
        "RELAY_SHARDS": str(count),
    }
    bench.say(f"processes: {rows:,} events, committed while {count} relays run")
    async with (
        Source.fresh(bench, NAME) as source,
        extra(bench, {"relay": count}, environment) as processes,
    ):
        await until(lambda: _is_shared(source, count), "shards to be shared", limit_s=LIMIT_S)
        pids = {f"relay-{number}": one.pid for number, one in enumerate(processes)}
        meter = CpuMeter({**pids, **bench.pids("mongo")})
        began_s = asyncio.get_running_loop().time()
        ids = await source.fill(rows)
        await until(lambda: _is_marked(source), "all rows to be marked", limit_s=LIMIT_S)
        took_s = asyncio.get_running_loop().time() - began_s
        spent_s = meter.spent_s()
        check_order(await drained(source, rows), ids)
    return {
        f"processes.relay_{count}.events_per_s": rows / took_s,
        f"processes.relay_{count}.cpu_us_per_event": sum(spent_s[name] for name in pids)
        / rows
        * 1e6,
    }


async def _is_shared(source: Source, count: int) -> bool:
    """Whether each leads a shard."""
    return len(await source.database["relay_checkpoint"].distinct("holder")) == count


async def _is_marked(source: Source) -> bool:
    return await source.rows.find_one({"state": "pending"}, hint="pending") is None


def check_order(came: Sequence[str], committed: Sequence[str]) -> None:
    """BenchFailed where one is missing, or came before an earlier one of its subject. The events
    are numbered in the order of their commits, and their subjects take turns."""
    numbers = {one: number for number, one in enumerate(committed)}
    latest: dict[int, int] = {}
    once = list(dict.fromkeys(came))
    for number in map(numbers.__getitem__, once):
        subject = number % SUBJECTS
        if number < latest.get(subject, -1):
            raise BenchFailed(f"event {number:,} came after a later one of its subject")
        latest[subject] = number
    if missing := len(committed) - len(once):
        raise BenchFailed(f"{missing:,} events were lost")
