"""From a commit to the event's delivery, at a steady rate, through the relay.

The clock starts when the commit is sent, so the commit itself is in it. (Its reply would be the
shorter way to count, but the event may be here before this process gets to see the reply.)

A quorum queue delivers a message once it would confirm it, when its log is on a majority's disks;
so the delivery stands for the confirm, which nobody but the relay sees.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from aiormq.abc import DeliveredMessage

from bench.relay.event import measured
from bench.relay.relay_process import RelayProcess
from bench.relay.source import QUEUE, Source, event_id
from bench.report.statistics import percentiles_ms
from bench.workbench import Figures, Workbench, until
from postbox.mongo import Document

DELIVERY_LIMIT_S: Final = 10.0
WARM_UP_S: Final = 0.5


async def measure(bench: Workbench) -> Figures:
    scale = bench.scale
    async with Source.fresh(bench) as source, RelayProcess(bench) as relay:
        await relay.start()
        delivered_s: dict[str, float] = {}

        async def deliver(message: DeliveredMessage) -> None:
            delivered_s[event_id(message)] = time.perf_counter()

        channel = await source.raw_channel()
        await channel.basic_consume(QUEUE, deliver, no_ack=True)
        bench.say(f"latency: {scale.events_per_s} events/s for {scale.relay_latency_s:g} s")
        for seconds in (WARM_UP_S, scale.relay_latency_s):
            latencies = await commit_steadily(
                source,
                delivered_s,
                per_s=scale.events_per_s,
                seconds=seconds,
            )
        await channel.close()
    return percentiles_ms("relay", latencies)


async def commit_steadily(
    source: Source,
    delivered_s: Mapping[str, float],
    *,
    per_s: int,
    seconds: float,
    then: Callable[[str], Awaitable[None]] | None = None,
) -> list[float]:
    """Commit events at a rate, one a transaction, however long each takes, then call `then` with
    its id; each one's latency in seconds.

    `delivered_s` is when each was delivered, by the clock of `time.perf_counter`.
    """
    committing_s: dict[str, float] = {}

    async def commit(number: int) -> None:
        def committing(rows: Sequence[Document]) -> None:
            committing_s[rows[0]["_id"]] = time.perf_counter()

        (row,) = await source.commit([measured(number)], committing)
        if then is not None:
            await then(row["_id"])

    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(per_s * seconds)):
            await asyncio.sleep(max(0.0, began_s + number / per_s - time.perf_counter()))
            group.create_task(commit(number))

    async def all_delivered() -> bool:
        return all(row_id in delivered_s for row_id in committing_s)

    await until(all_delivered, "the last events to be delivered", limit_s=DELIVERY_LIMIT_S)
    return [delivered_s[row_id] - at_s for row_id, at_s in committing_s.items()]
