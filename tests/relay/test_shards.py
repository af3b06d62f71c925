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
from tests.relay.stage import PATIENCE_S, RelayProgram, Stage

SHARDS: Final = 4
SUBJECTS: Final = 40
ROWS_AT_ONCE: Final = 40
EVERY_S: Final = 0.02
QUICK: Final = {"RELAY_SHARDS": str(SHARDS), "RELAY_LEASE_S": "1"}


async def led(stage: Stage) -> dict[str, int]:
    """How many shards each process leads, by the process's id."""
    cursor = stage.database["relay_checkpoint"].find({"$expr": {"$gt": ["$until", "$$NOW"]}})
    return dict(Counter([row["holder"].split("/")[-2] async for row in cursor]))


async def test_a_shard_that_is_never_ours_is_no_reason_not_to_be_ready(stage: Stage) -> None:
    """Method: another relay is alive, as far as the members say, and leads nothing."""
    long_hence = datetime.now(UTC) + timedelta(hours=1)
    await stage.database["relay_members"].insert_one(
        {"_id": "another", "shards": 2, "since": datetime.now(UTC), "until": long_hence}
    )
    async with stage.relaying(shards=Shard.all(2)) as relay:

        async def is_ready() -> bool:
            assert relay.health.problems == {}
            return State.STREAMING in relay.health.states.values()

        await eventually(is_ready)
        assert sorted(state.value for state in relay.health.states.values()) == [
            "standby",
            "streaming",
        ]


async def led_whole(stage: Stage) -> bool:
    return bool(await stage.checkpoint("0/1"))


async def shared(stage: Stage, programs: Sequence[RelayProgram], shares: Sequence[int]) -> None:
    """Wait until each of these relays leads so many shards."""
    wanted = {
        str(program.process.pid): share
        for program, share in zip(programs, shares, strict=True)
        if share
    }

    async def are_shared() -> bool:
        return await led(stage) == wanted

    await eventually(are_shared, limit_s=PATIENCE_S)


@asynccontextmanager
async def load(stage: Stage) -> AsyncIterator[list[tuple[str, str]]]:
    """Rows of many subjects, one batch after another; their ids and subjects as committed."""
    written: list[tuple[str, str]] = []

    async def write() -> None:
        while True:
            first = len(written)
            rows = [
                stage.row(number, subject=f"s{number % SUBJECTS}", partition=number % SUBJECTS)
                for number in range(first, first + ROWS_AT_ONCE)
            ]
            await stage.insert(rows)
            written.extend((row["_id"], row["subject"]) for row in rows)
            await asyncio.sleep(EVERY_S)

    writing = asyncio.create_task(write())
    try:
        yield written
    finally:
        writing.cancel()
        await asyncio.wait([writing])


async def test_relays_come_and_go_under_load(stage: Stage) -> None:
    """Goal: nothing is lost and each subject's events come in their order, however the shards
    change hands. Method: two relays join one; one stops, one is killed, one joins again."""
    async with stage.program(**QUICK) as first:
        await shared(stage, [first], [4])
        async with stage.program(**QUICK) as second, load(stage) as written:
            await shared(stage, [first, second], [2, 2])
            async with stage.program(**QUICK) as third:
                await shared(stage, [first, second, third], [2, 1, 1])
                first.signal(signal.SIGTERM)
                assert await first.ended() == 0
                await shared(stage, [second, third], [2, 2])
                await second.kill()
                await shared(stage, [third], [4])
                await second.start()
                await shared(stage, [third, second], [2, 2])
                async with stage.program(**QUICK) as fourth:
                    await shared(stage, [third, second, fourth], [2, 1, 1])
                third.signal(signal.SIGTERM)
                assert await third.ended() == 0
            await shared(stage, [second], [4])
    assert len(written) > 1_000
    async with stage.relaying(shards=Shard.all(SHARDS)):
        await stage.delivered([event_id for event_id, _ in written])
    place = {event_id: place for place, event_id in enumerate(dict.fromkeys(stage.arrived))}
    for subject in {subject for _, subject in written}:
        places = [place[event_id] for event_id, about in written if about == subject]
        assert places == sorted(places), f"{subject} came out of order"


async def test_two_divisions_are_never_at_work_at_once(stage: Stage) -> None:
    """Goal: who divides a source otherwise than the relays at work stands by until they end."""
    async with stage.program(**QUICK) as many:
        await shared(stage, [many], [SHARDS])
        async with stage.relaying():
            ids = await stage.add(20)
            await stage.delivered(ids)
            assert not await led_whole(stage)
            many.signal(signal.SIGTERM)
            assert await many.ended() == 0
            ids += await stage.add(20)
            await stage.delivered(ids)
            assert await led_whole(stage)
