"""How fast the relay catches up: rows that wait in the change stream, published and marked.

The clock runs from the first event in the queue to the last row's mark, so the relay's start is not
in it. Every event must have come, in the order of the commits.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiormq.abc import DeliveredMessage

from bench.errors import BenchFailed
from bench.process import CpuMeter
from bench.relay.event import BODY_BYTES
from bench.relay.relay_process import RelayProcess
from bench.relay.source import FirstDelivery, Source, drained, event_id
from bench.workbench import Figures, Workbench

START_LIMIT_S: Final = 30.0
SLOWEST_PER_S: Final = 500
"""Slower than this is broken."""
BODY_TOLERANCE_BYTES: Final = 16
"""A time without a fraction is written shorter."""


async def measure(bench: Workbench) -> Figures:
    count = bench.scale.relay_rows
    async with Source.fresh(bench) as source, RelayProcess(bench) as relay:
        await relay.stream_once(source)
        await drained(source, 1)
        bench.say(f"relay: committing {count:,} events while it is down")
        ids = await source.fill(count)
        bench.say("relay: catching up from its token")
        run = await catch_up(bench, source, relay, ids)
        bench.say("relay: checking the order of what it published")
        rest = await drained(source, count - 1)
        _check([event_id(run.first), *rest], ids, len(run.first.body))
    return {
        "relay.events_per_s": run.events_per_s,
        "relay.cpu_us_per_event": run.cpu_us["relay"],
        "relay.cpu_percent_of_others": run.others_share * 100,
        "relay.cpu_us_per_event.mongo": run.cpu_us["mongo"],
        "relay.cpu_us_per_event.rabbitmq": run.cpu_us["rabbitmq"],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one catching up. The CPU is by process, for an event."""

    events_per_s: float
    cpu_us: Mapping[str, float]
    others_share: float
    first: DeliveredMessage
    """Taken out of the queue; all the others lie there."""


async def catch_up(
    bench: Workbench,
    source: Source,
    relay: RelayProcess,
    ids: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Start the relay on the pending rows `ids`; measure until it has marked the last of them."""
    count = len(ids)
    first = await FirstDelivery.awaited(source)
    await relay.start_soon(environment)
    began_s = await first.at_s(limit_s=START_LIMIT_S)
    meter = CpuMeter(bench.pids("relay", "mongo", "rabbitmq"))
    await source.all_marked(ids[-1], limit_s=START_LIMIT_S + count / SLOWEST_PER_S)
    took_s = asyncio.get_running_loop().time() - began_s
    spent_s, others_share = meter.spent_s(), meter.others_share()
    return Run(
        events_per_s=count / took_s,
        cpu_us={name: one_s / count * 1e6 for name, one_s in spent_s.items()},
        others_share=others_share,
        first=await first.take(),
    )


def _check(came: list[str], committed: list[str], body_bytes: int) -> None:
    once = list(dict.fromkeys(came))
    if once != committed:
        missing = len(set(committed) - set(once))
        raise BenchFailed(f"the relay published out of order, or lost {missing:,} events")
    if abs(body_bytes - BODY_BYTES) > BODY_TOLERANCE_BYTES:
        raise BenchFailed(f"an event has {body_bytes} bytes instead of {BODY_BYTES}")
