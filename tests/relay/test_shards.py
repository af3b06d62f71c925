"""Relays that share the shards of a source: they come and go, and every subject keeps its order."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from postbox.outbox import Shard
from relay.state import State
from tests.eventually import eventually
from tests.relay.harness import PATIENCE_S, RelayHarness, RelayProgram

SHARDS: Final = 4
SUBJECTS: Final = 40
ROWS_AT_ONCE: Final = 40
EVERY_S: Final = 0.02
QUICK: Final = {"RELAY_SHARDS": str(SHARDS), "RELAY_LEASE_S": "1"}


async def led(harness: RelayHarness) -> dict[str, int]:
    """How many shards each process leads, by the process's id."""
    cursor = harness.database["relay_checkpoint"].find({"$expr": {"$gt": ["$until", "$$NOW"]}})
    return dict(Counter([row["holder"].split("/")[-2] async for row in cursor]))


async def test_a_shard_that_is_never_ours_is_no_reason_not_to_be_ready(
    harness: RelayHarness,
) -> None:
    """Method: another relay is alive, as far as the members say, and leads nothing."""
    long_hence = datetime.now(UTC) + timedelta(hours=1)
    await harness.database["relay_members"].insert_one(
        {"_id": "another", "shards": 2, "since": datetime.now(UTC), "until": long_hence}
    )
    async with harness.relaying(shards=Shard.all(2)) as relay:

        async def is_ready() -> bool:
            assert relay.health.problems == {}
            return State.STREAMING in relay.health.states.values()

        await eventually(is_ready)
        assert sorted(state.value for state in relay.health.states.values()) == [
            "standby",
            "streaming",
        ]


async def led_whole(harness: RelayHarness) -> bool:
    return bool(await harness.checkpoint("0/1"))


async def shared(
    harness: RelayHarness, programs: Sequence[RelayProgram], shares: Sequence[int]
) -> None:
    """Wait until each of these relays leads so many shards."""
    wanted = {
        str(program.process.pid): share
        for program, share in zip(programs, shares, strict=True)
        if share
    }

    async def are_shared() -> bool:
        return await led(harness) == wanted

    await eventually(are_shared, limit_s=PATIENCE_S)


@asynccontextmanager
async def load(harness: RelayHarness) -> AsyncIterator[list[tuple[str, str]]]:
    """Rows of many subjects, one batch after another; their ids and subjects as committed."""
    written: list[tuple[str, str]] = []

    async def write() -> None:
        while True:
            first = len(written)
            rows = [
                harness.row(number, subject=f"s{number % SUBJECTS}", partition=number % SUBJECTS)
                for number in range(first, first + ROWS_AT_ONCE)
            ]
            await harness.insert(rows)
            written.extend((row["_id"], row["subject"]) for row in rows)
            await asyncio.sleep(EVERY_S)

    writing = asyncio.create_task(write())
    try:
        yield written
    finally:
        writing.cancel()
        await asyncio.wait([writing])


async def test_relays_come_and_go_under_load(harness: RelayHarness) -> None:
    """Goal: nothing is lost and each subject's events come in their order, however the shards
    change hands. Method: two relays join one; one stops, one is killed, one joins again."""
    async with harness.program(**QUICK) as first:
        await shared(harness, [first], [4])
        async with harness.program(**QUICK) as second, load(harness) as written:
            await shared(harness, [first, second], [2, 2])
            async with harness.program(**QUICK) as third:
                await shared(harness, [first, second, third], [2, 1, 1])
                first.signal(signal.SIGTERM)
                assert await first.ended() == 0
                await shared(harness, [second, third], [2, 2])
                await second.kill()
                await shared(harness, [third], [4])
                await second.start()
                await shared(harness, [third, second], [2, 2])
                async with harness.program(**QUICK) as fourth:
                    await shared(harness, [third, second, fourth], [2, 1, 1])
                third.signal(signal.SIGTERM)
                assert await third.ended() == 0
            await shared(harness, [second], [4])
    assert len(written) > 1_000
    async with harness.relaying(shards=Shard.all(SHARDS)):
        await harness.delivered([event_id for event_id, _ in written])
    place = {event_id: place for place, event_id in enumerate(dict.fromkeys(harness.arrived))}
    for subject in {subject for _, subject in written}:
        places = [place[event_id] for event_id, about in written if about == subject]
        assert places == sorted(places), f"{subject} came out of order"


async def test_two_shard_counts_are_never_at_work_at_once(harness: RelayHarness) -> None:
    """Goal: a relay with another number of shards stands by until the running relays end."""
    async with harness.program(**QUICK) as many:
        await shared(harness, [many], [SHARDS])
        async with harness.relaying():
            ids = await harness.add(20)
            await harness.delivered(ids)
            assert not await led_whole(harness)
            many.signal(signal.SIGTERM)
            assert await many.ended() == 0
            ids += await harness.add(20)
            await harness.delivered(ids)
            assert await led_whole(harness)
