"""What an event costs as the backlog and the collection grow: it must stay flat.

An outbox of so many pending rows is worked off without a token: a point of the backlog's curve.
Then as many published rows lie there, and some more are committed and read from the stream: a point
of the collection's. The cost is the CPU of the relay and of MongoDB, for both do the work.

The relay is up and stands by while the rows are made, for the bench holds the lease. So no
program's start is counted; and what it takes to lead an outbox with a single pending row is no
event's cost, and is subtracted.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.process import CpuMeter
from bench.relay.lease import Lease
from bench.relay.relay_process import RelayProcess
from bench.relay.source import FirstDelivery, Source
from bench.relay.throughput import SLOWEST_PER_S, START_LIMIT_S
from bench.report.statistics import growth
from bench.workbench import Figures, Workbench

CURVES: Final = ("backlog", "published")
WORKERS: Final = ("relay", "mongo")
RATE_ROWS_MIN: Final = 10_000
"""Fewer are over too soon to say how many they were in a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """So many rows worked off: seconds on the clock, and of CPU by process."""

    rows: int
    took_s: float
    cpu_s: Mapping[str, float]


async def measure(bench: Workbench) -> Figures:
    scale = bench.scale
    starts = [await _points(bench, pending=1, fresh=1) for _ in range(scale.cost_starts)]
    figures: Figures = {}
    totals: dict[str, list[float]] = {curve: [] for curve in CURVES}
    for size, rounds in scale.cost_rounds:
        points = [await _points(bench, pending=size, fresh=scale.cost_rows) for _ in range(rounds)]
        for number, curve in enumerate(CURVES):
            of_start = [one[number] for one in starts]
            key = f"relay.cost.{curve}_{size}"
            figures |= (point := _figures(key, [one[number] for one in points], of_start))
            totals[curve].append(point[f"{key}.cpu_us_per_event"])
    ratios = {f"relay.cost.{curve}_ratio": growth(of) for curve, of in totals.items()}
    return {**figures, **ratios, "relay.cost.ratio": max(ratios.values())}


async def _points(bench: Workbench, *, pending: int, fresh: int) -> tuple[TimeRange, TimeRange]:
    """Work off `pending` rows; then, with those in the collection, `fresh` ones."""
    bench.say(f"cost: {pending:,} pending, then {fresh:,} more")
    async with Source.fresh(bench) as source, RelayProcess(bench) as relay:
        lease = Lease(source.database)
        await lease.take()
        await relay.start()
        ids = await source.add_pending(pending)
        backlog = await _worked_off(bench, source, lease, ids)
        await relay.stop()
        await lease.take()
        await relay.start()
        ids = await source.fill(fresh)
        published = await _worked_off(bench, source, lease, ids)
        await relay.stop()
        await source.emptied(pending + fresh - len(CURVES))
    return backlog, published


async def _worked_off(
    bench: Workbench, source: Source, lease: Lease, ids: Sequence[str]
) -> TimeRange:
    """Let the relay lead until it has marked all of `ids`."""
    await bench.client.admin.command("fsync")  # the rows' own writing is not in it
    first = await FirstDelivery.awaited(source)
    meter = CpuMeter(bench.pids(*WORKERS))
    await lease.free()
    began_s = await first.at_s(limit_s=START_LIMIT_S)
    await source.all_marked(ids[-1], limit_s=START_LIMIT_S + len(ids) / SLOWEST_PER_S)
    took_s = asyncio.get_running_loop().time() - began_s
    cpu_s = meter.spent_s()
    await first.take()
    return TimeRange(rows=len(ids), took_s=took_s, cpu_s=cpu_s)


def _figures(key: str, points: Sequence[TimeRange], starts: Sequence[TimeRange]) -> Figures:
    """The middle one of `points`, for an event, less the middle one of `starts`."""
    spent = {name: _us(name, points, starts) for name in WORKERS}
    figures = {
        f"{key}.cpu_us_per_event": sum(spent.values()),
        **{f"{key}.cpu_us_per_event.{name}": us for name, us in spent.items()},
    }
    if points[0].rows >= RATE_ROWS_MIN:
        figures[f"{key}.events_per_s"] = median(one.rows / one.took_s for one in points)
    return figures


def _us(name: str, points: Iterable[TimeRange], starts: Iterable[TimeRange]) -> float:
    start_s = median(one.cpu_s[name] for one in starts)
    return median((one.cpu_s[name] - start_s) / one.rows for one in points) * 1e6
