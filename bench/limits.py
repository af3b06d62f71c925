"""What the servers can do with the relay's and the services' calls, and nothing else around them.

Every figure of ours stands beside one of these, measured in the same run on the same servers.
"""

import asyncio
import time
from typing import Final

from aiormq.abc import DeliveredMessage
from bson.timestamp import Timestamp

from bench.errors import BenchFailed
from bench.process import CpuMeter
from bench.relay.event import BODY_BYTES, Measured, measured
from bench.relay.latency import commit_steadily
from bench.relay.source import BATCH, QUEUE, Source, event_id
from bench.report.statistics import percentiles_ms
from bench.workbench import Figures, Workbench
from postbox.events import new_id
from postbox.mongo import Document, Session, transaction
from postbox.outbox import COLLECTION
from postbox.rabbitmq import Outcome, Outgoing, Publisher, raw_channel

TAIL_BATCH_ROWS: Final = 500
WRITE_MESSAGES: Final = 128
WINDOW_MESSAGES: Final = 4_096
CONFIRMS_LIMIT_S: Final = 60.0
COMMITS: Final = 4
RELAYED: Final = 2
"""What must happen one after another from a customer's intent to a confirmed booking that is shown:
the intent, the payment, the booking and the view are committed, and two events are delivered."""
_INSERTS: Final[list[Document]] = [
    {"$match": {"operationType": "insert"}},
    {"$project": {"fullDocument": 1}},
]


async def measure(bench: Workbench) -> Figures:
    scale = bench.scale
    async with Source.fresh(bench) as source:
        meter = CpuMeter(bench.pids("mongo", "rabbitmq"))
        await source.database.create_collection("states")
        bench.say(f"limits: {scale.lone_transactions:,} transactions, one after another")
        lone = await _transactions(source, bench, scale.lone_transactions, size=1)
        began = (await bench.client.admin.command("ping"))["operationTime"]
        batches = -(-scale.limit_rows // BATCH)
        bench.say(f"limits: {batches:,} transactions of {BATCH}")
        batched = await _transactions(source, bench, batches, size=BATCH)
        bench.say("limits: reading those rows from a change stream")
        tail = await _tail(source, began, batches * BATCH)
        bench.say(f"limits: publishing {scale.limit_rows:,} messages with confirms")
        publish = await _publish(source, scale.limit_rows)
        bench.say(f"limits: publishing right after each commit, {scale.events_per_s}/s")
        delivery = await _delivery(source, bench)
        others = meter.others_share()
    return {
        "limits.tail_per_s": tail,
        "limits.confirmed_publish_per_s": publish,
        "limits.transactions_per_s": lone,
        "limits.batched_transactions_per_s": batched * BATCH,
        **delivery,
        "limits.booking_ms": COMMITS * 1000 / lone + RELAYED * delivery["limits.delivery.p50_ms"],
        "limits.cpu_percent_of_others": others * 100,
    }


async def _transactions(source: Source, bench: Workbench, count: int, *, size: int) -> float:
    """Transactions per second, one at a time, each of `size` states and `size` outbox rows."""
    states = source.database["states"]
    began_s = time.perf_counter()
    for number in range(count):
        rows = source.outbox.rows([measured(number)] * size)

        async def body(session: Session, rows: list[dict[str, object]] = rows) -> None:
            documents = [{"_id": row["_id"], "state": "pending"} for row in rows]
            await states.insert_many(documents, ordered=False, session=session)
            await source.outbox.insert(session, rows)

        await transaction(bench.client, body)
    return count / (time.perf_counter() - began_s)


async def _tail(source: Source, began: Timestamp, count: int) -> float:
    """Rows per second out of a change stream, asked for as the relay asks."""
    began_s = time.perf_counter()
    stream = await source.database[COLLECTION].watch(
        _INSERTS, batch_size=TAIL_BATCH_ROWS, start_at_operation_time=began
    )
    seen = 0
    async with stream:
        while seen < count:
            if await stream.try_next() is not None:
                seen += 1
        return seen / (time.perf_counter() - began_s)


async def _publish(source: Source, count: int) -> float:
    """Confirms per second of a durable quorum queue, messages batched into socket writes."""
    channel = await source.connection.channel(on_return_raises=True)
    publisher = Publisher(await raw_channel(channel))
    messages = [_message(new_id()) for _ in range(count)]
    confirmed, refused = 0, 0
    progress = asyncio.Event()

    def settled(_: Outgoing, outcome: Outcome) -> None:
        nonlocal confirmed, refused
        confirmed += outcome is Outcome.CONFIRMED
        refused += outcome is not Outcome.CONFIRMED
        progress.set()

    began_s = time.perf_counter()
    async with asyncio.timeout(CONFIRMS_LIMIT_S):
        for first in range(0, count, WRITE_MESSAGES):
            while first - confirmed - refused > WINDOW_MESSAGES - WRITE_MESSAGES:
                progress.clear()
                await progress.wait()
            await publisher.send(messages[first : first + WRITE_MESSAGES], settled)
        while confirmed + refused < count:
            progress.clear()
            await progress.wait()
    took_s = time.perf_counter() - began_s
    if refused:
        raise BenchFailed(f"the broker refused {refused:,} messages")
    await channel.close()
    return count / took_s


async def _delivery(source: Source, bench: Workbench) -> Figures:
    """From the commit to a consumer, published at the commit's reply by whoever committed.

    No outbox can be faster; nor can anybody do so in earnest, for a crash between would lose it.
    """
    scale = bench.scale
    delivered_s: dict[str, float] = {}
    consuming = await source.raw_channel()
    await (await source.raw_channel()).queue_purge(QUEUE)

    async def deliver(message: DeliveredMessage) -> None:
        delivered_s[event_id(message)] = time.perf_counter()

    await consuming.basic_consume(QUEUE, deliver, no_ack=True)
    channel = await source.connection.channel(on_return_raises=True)
    publisher = Publisher(await raw_channel(channel))

    async def publish(row_id: str) -> None:
        await publisher.send([_message(row_id)], lambda *_: None)

    latencies = await commit_steadily(
        source,
        delivered_s,
        per_s=scale.events_per_s,
        seconds=scale.direct_latency_s,
        then=publish,
    )
    await consuming.close()
    await channel.close()
    return percentiles_ms("limits.delivery", latencies)


def _message(message_id: str) -> Outgoing:
    return Outgoing(
        exchange="events",
        routing_key=Measured.TYPE,
        message_id=message_id,
        body=b"x" * BODY_BYTES,
        content_type="application/cloudevents+json",
        type=Measured.TYPE,
    )
