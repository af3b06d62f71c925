"""How fast the relay catches up: rows that wait in the change stream, published and marked.

The clock runs from the first event in the queue to the last row's mark, so the relay's start is not
in it. Every event must have come, in the order of the commits.
"""

import asyncio
from typing import Final

from bench.errors import BenchFailed
from bench.event import BODY_BYTES
from bench.own_relay import OwnRelay
from bench.process import CpuMeter
from bench.source import FirstDelivery, Source, drained, event_id
from bench.workbench import Figures, Workbench

START_LIMIT_S: Final = 30.0
SLOWEST_PER_S: Final = 500
"""Slower than this is broken."""
BODY_TOLERANCE_BYTES: Final = 16
"""A time without a fraction is written shorter."""


async def measure(bench: Workbench) -> Figures:
    count = bench.scale.relay_rows
    async with Source.fresh(bench) as source, OwnRelay(bench) as relay:
        await relay.stream_once(source)
        await drained(source, 1)
        bench.say(f"relay: committing {count:,} events while it is down")
        ids = await source.fill(count)
        bench.say("relay: catching up from its token")
        first = await FirstDelivery.awaited(source)
        await relay.start_soon()
        began_s = await first.at_s(limit_s=START_LIMIT_S)
        meter = CpuMeter(bench.pids("relay", "mongo", "rabbitmq"))
        await source.all_marked(ids[-1], limit_s=START_LIMIT_S + count / SLOWEST_PER_S)
        took_s = asyncio.get_running_loop().time() - began_s
        spent_s, others = meter.spent_s(), meter.others_share()
        bench.say("relay: checking the order of what it published")
        message = await first.take()
        rest = await drained(source, count - 1)
        _check([event_id(message), *rest], ids, len(message.body))
    return {
        "relay.events_per_s": count / took_s,
        "relay.cpu_us_per_event": spent_s["relay"] / count * 1e6,
        "relay.cpu_percent_of_others": others * 100,
        "relay.cpu_us_per_event.mongo": spent_s["mongo"] / count * 1e6,
        "relay.cpu_us_per_event.rabbitmq": spent_s["rabbitmq"] / count * 1e6,
    }


def _check(came: list[str], committed: list[str], body_bytes: int) -> None:
    once = list(dict.fromkeys(came))
    if once != committed:
        missing = len(set(committed) - set(once))
        raise BenchFailed(f"the relay published out of order, or lost {missing:,} events")
    if abs(body_bytes - BODY_BYTES) > BODY_TOLERANCE_BYTES:
        raise BenchFailed(f"an event has {body_bytes} bytes instead of {BODY_BYTES}")
