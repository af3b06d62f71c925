"""Rows become messages: all of them, in order while streaming, whatever is wrong with some."""

import os
import signal
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
from bson import Regex
from pamqp.common import FieldTable

from postbox.events import partition
from postbox.outbox import Shard, Source
from relay.options import Options
from relay.read.rows import READ_BATCH_ROWS
from relay.state import State
from tests.eventually import eventually
from tests.relay.harness import QUORUM, RelayHarness, taken


async def test_every_row_arrives_and_is_marked(harness: RelayHarness) -> None:
    before = await harness.add(50)
    async with harness.streaming():
        during = await harness.add(50)
        await harness.delivered(before + during)
        row = await harness.rows.find_one({"_id": during[0]})
        assert row is not None
        assert datetime.now(UTC) - row["published_at"] < timedelta(minutes=1)
    assert harness.arrived == before + during, "each once, in order"
    assert await harness.behind_the_token() == set(before + during)


async def test_a_subjects_order_is_kept_while_streaming(harness: RelayHarness) -> None:
    rows = [harness.row(number) for number in range(3_000)]
    async with harness.relaying():
        for start in range(0, len(rows), 100):
            await harness.insert(rows[start : start + 100])
        await harness.delivered([row["_id"] for row in rows])
    subject_of = {row["_id"]: row["subject"] for row in rows}
    for subject in set(subject_of.values()):
        assert [one for one in harness.arrived if subject_of[one] == subject] == [
            row["_id"] for row in rows if row["subject"] == subject
        ]


async def test_a_backlog_is_worked_off_in_order_and_in_bounded_memory(
    harness: RelayHarness,
) -> None:
    """Goal: memory does not grow with the backlog. Method: 20,000 rows of 1 KB, more than twice the
    window's bytes, wait for the relay; many short passes join the backlog to the stream."""
    ids: list[str] = []
    pad = "x" * 1_000
    for _ in range(20):
        ids += await harness.add(1_000, data={"pad": pad})
    async with harness.program() as relay:
        await harness.delivered(ids)
        assert relay.rss_peak_mb < 150
    assert harness.arrived == ids


async def test_what_comes_in_during_a_pass_over_the_backlog_is_sent_once(
    harness: RelayHarness,
) -> None:
    """Goal: no gap and no repeat between the pending rows and the stream. Method: hold up a pass by
    freezing the broker, once it has read its first batch of rows and before it has read the second;
    rows that come in now are both in the second batch and in the stream."""
    pid = harness.rabbitmq.pid
    assert pid is not None
    ids = await harness.add(READ_BATCH_ROWS + 100)
    os.kill(pid, signal.SIGSTOP)
    try:
        async with harness.relaying(Options(window_messages_max=64)):
            await eventually(harness.has_idle_cursor)
            ids += await harness.add(200)  # several windows: the first are long done in the end
            os.kill(pid, signal.SIGCONT)
            await harness.delivered(ids)
            ids += await harness.add(1)
            await harness.delivered(ids)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert harness.arrived == ids


async def test_what_comes_in_behind_a_pass_over_the_backlog_is_sent(harness: RelayHarness) -> None:
    """Goal: the same where the pass cannot see it. Method: the new rows are older than all others
    by the clock of whoever wrote them, and so in a part of the index that was read already."""
    pid = harness.rabbitmq.pid
    assert pid is not None
    ids = await harness.add(READ_BATCH_ROWS + 100)
    os.kill(pid, signal.SIGSTOP)
    try:
        async with harness.relaying(Options(window_messages_max=64)):
            await eventually(harness.has_idle_cursor)
            ids += await harness.add(10, time=datetime.now(UTC) - timedelta(hours=1))
            os.kill(pid, signal.SIGCONT)
            await harness.delivered(ids)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert sorted(harness.arrived) == sorted(ids)


async def test_passes_follow_each_other_until_one_is_short(harness: RelayHarness) -> None:
    ids = await harness.add(300)
    async with harness.relaying(Options(skip_max=50, window_messages_max=64)) as relay:
        for _ in range(20):
            ids += await harness.add(10)
        await harness.delivered(ids)
        assert relay.state is State.STREAMING
    assert sorted(harness.arrived) == sorted(ids)


async def test_a_row_that_cannot_be_published_is_parked_and_its_neighbours_go_on(
    harness: RelayHarness,
) -> None:
    """Goal: poison harms only itself, both in the backfill and in the stream."""
    good = await harness.add(3)
    bad = await harness.add(1, data={"id": Regex("a")})
    await harness.add(1, _id={"no": "text"})
    async with harness.streaming():
        await harness.add(1, _id={"nor": "this"})
        bad += await harness.add(1, type="x" * 300)
        bad += await harness.add(1, data={"pad": "x" * 2_000_000})
        good += await harness.add(3)

        async def are_settled() -> bool:
            return await harness.states() == {"published": 6, "parked": 5}

        await eventually(are_settled)
    assert await harness.pull() == good
    reasons = [row["parked"]["reason"] async for row in harness.rows.find({"_id": {"$in": bad}})]
    assert len(reasons) == 3
    assert any("limit is 1,048,576" in reason for reason in reasons)


async def test_an_event_that_no_queue_wants_is_kept_although_the_alternate_was_deleted(
    harness: RelayHarness,
) -> None:
    """Goal: a returned message is sent again after the alternate exchange was declared again.
    Method: delete the alternate's queue just before an event that nothing is bound for."""
    async with harness.streaming(), await aio_pika.connect(harness.rabbitmq.uri) as connection:
        channel = await connection.channel()
        await channel.queue_delete("events.unrouted")
        wanted_by_none = await harness.add(1, type=f"unwanted.{harness.name}")
        wanted = await harness.add(1)
        await harness.delivered(wanted)
        kept = await taken(await channel.declare_queue("events.unrouted", passive=True))
        assert wanted_by_none[0] in [message.message_id for message in kept]


@pytest.mark.fault(13, "queue full")
async def test_a_full_queue_holds_up_its_own_events_alone(harness: RelayHarness) -> None:
    """Goal: a nacked message is retried until the queue takes it; its neighbours go on, but the
    token does not pass it (I7). Method: a queue of at most 10, among rows for another."""
    full = f"full.{harness.name}"
    async with await aio_pika.connect(harness.rabbitmq.uri) as connection:
        channel = await connection.channel()
        limits: FieldTable = {**QUORUM, "x-max-length": 10, "x-overflow": "reject-publish"}
        queue = await channel.declare_queue(full, durable=True, arguments=limits)
        await queue.bind("events", full)
        async with harness.streaming():
            refused = await harness.add(20, type=full)
            await eventually(harness.is_all_published)  # the limit is not sharp
            rows = [
                harness.row(number, type=full if 10 <= number < 30 else f"{harness.name}.made")
                for number in range(40)
            ]
            await harness.insert(rows)
            refused += [row["_id"] for row in rows[10:30]]
            neighbours = {row["_id"] for row in rows[:10] + rows[30:]}

            async def have_neighbours_arrived() -> bool:
                return neighbours <= set(await harness.pull())

            async def are_the_first_marked() -> bool:
                return (await harness.states())["published"] == 30

            async def is_the_token_behind_them() -> bool:
                return {row["_id"] for row in rows[:10]} <= await harness.behind_the_token()

            await eventually(have_neighbours_arrived)
            await eventually(are_the_first_marked)
            await eventually(is_the_token_behind_them)
            passed = await harness.behind_the_token()
            assert not passed & set(refused[20:]), "the token passed what is not confirmed"
            arrived: set[str | None] = set()

            async def have_all_arrived() -> bool:
                queue = await channel.declare_queue(full, passive=True)
                arrived.update(message.message_id for message in await taken(queue))
                return arrived >= set(refused)

            await eventually(have_all_arrived)
            await eventually(harness.is_all_published)
        await channel.queue_delete(full)


async def test_a_row_that_the_stream_missed_is_swept_up(harness: RelayHarness) -> None:
    """Goal: a pending row that the stream never shows is published all the same. Method: a
    published row is made pending again and old, which is no insert."""
    async with harness.relaying(Options(sweep_every_s=0.5)):
        ids = await harness.add(2)
        await harness.delivered(ids)
        old = datetime.now(UTC) - timedelta(minutes=2)
        again = {"$set": {"state": "pending", "time": old}, "$unset": {"published_at": ""}}
        await harness.rows.update_one({"_id": ids[0]}, again)
        await eventually(harness.is_all_published)
    assert await harness.pull() == [*ids, ids[0]]


async def test_shards_share_the_work(harness: RelayHarness) -> None:
    ids = await harness.add(50)
    no_partition = await harness.add(1, partition=None)
    async with harness.relaying(shards=[Shard(0, 2)]), harness.relaying(shards=[Shard(1, 2)]):
        ids += await harness.add(50)
        await harness.delivered(ids + no_partition)
    assert len(harness.arrived) == 101
    assert (await harness.checkpoint("0/2"))["fence"] == 1
    assert (await harness.checkpoint("1/2"))["fence"] == 1
    assert len({partition(f"s{number}") % 2 for number in range(10)}) == 2


async def test_the_sources_of_a_program_do_not_disturb_each_other(harness: RelayHarness) -> None:
    async with RelayHarness(harness.mongod, harness.rabbitmq, harness.directory) as other:
        missing = Source("missing", "mongodb://127.0.0.1:1/missing")
        sources = ",".join(
            f"{one.name}={one.uri}" for one in (missing, harness.source, other.source)
        )
        ids, others = await harness.add(10), await other.add(10)
        async with harness.program(RELAY_SOURCES=sources):
            await harness.delivered(ids)
            await other.delivered(others)
