"""Scheduled rows: published when the database says so, and never after they were dropped."""

import asyncio
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import pytest

from postbox.mongo import Document, transaction
from postbox.operations import Became, backlog, scheduled
from postbox.outbox import Outbox, Shard
from relay.read import Rows
from relay.read.rows import DUE_FIRST
from tests.eventually import eventually
from tests.relay.harness import RelayHarness

WITHIN: Final = timedelta(seconds=1)
FLAT: Final = 3.0
"""A look among a hundred times as many rows takes less than so many times as long."""
LOOKS: Final = 60


class Reminder:
    TYPE: ClassVar[str]
    subject = "s1"

    def data(self) -> dict[str, Any]:
        return {}


def later(**amount: float) -> datetime:
    return datetime.now(UTC) + timedelta(**amount)


async def waiting(harness: RelayHarness, *delays_s: float) -> list[str]:
    """Rows that are due so far in the future; their ids."""
    rows = [
        harness.row(number, state="scheduled", deliver_at=later(seconds=delay_s))
        for number, delay_s in enumerate(delays_s)
    ]
    return await harness.insert(rows)


async def test_each_goes_out_at_its_time_and_in_its_order(harness: RelayHarness) -> None:
    """Goal: within a second, by the database's clock. Method: rows are added in another order than
    they are due, by the door that services use."""

    class Own(Reminder):
        TYPE = f"{harness.name}.made"

    outbox = Outbox(harness.database, source="/test")
    await outbox.prepare()
    delays_s = (1.2, 0.3, 0.9, -60, 0.6, 3600)
    async with harness.streaming():

        async def add(session: Any) -> list[str]:
            ids = [
                await outbox.add(session, Own(), deliver_at=later(seconds=delay_s))
                for delay_s in delays_s
            ]
            return [id_ for (id_,) in ids]

        ids = await transaction(harness.client, add)
        in_order = [ids[index] for index in (3, 1, 4, 2, 0)]

        async def are_published() -> bool:
            return (await harness.states()) == {"published": 5, "scheduled": 1}

        await eventually(are_published)
    assert await harness.pull() == in_order
    async for row in harness.rows.find({"state": "published"}):
        due = max(row["deliver_at"], row["time"])
        assert timedelta() <= row["published_at"] - due < WITHIN


@pytest.mark.fault(31, "a relay that is killed between the claim of a row and its publishing")
async def test_what_a_killed_relay_claimed_is_published_by_the_next(harness: RelayHarness) -> None:
    """Goal: no scheduled event is lost. Method: kill the relay when it has claimed rows; others
    become due while none runs; and a void claim of a longer division is there."""
    ids = await waiting(harness, 0, 0.1)
    async with harness.program(CRASH_AT="relay.claimed:1") as relay:
        assert await relay.ended() == -signal.SIGKILL
    assert await harness.rows.count_documents({"claim": {"$ne": None}}) > 0
    ids += await waiting(harness, 0)
    (odd,) = await waiting(harness, 0)
    await harness.rows.update_one({"_id": odd}, {"$set": {"claim": "1/2 1"}})
    async with harness.relaying():
        await harness.delivered([*ids, odd])
    assert len(harness.arrived) == 4, "what never went out goes out once"


async def test_each_shard_publishes_its_own(harness: RelayHarness) -> None:
    rows = [harness.row(n, state="scheduled", deliver_at=later(seconds=0.5)) for n in range(40)]
    for row in rows[::2]:  # the shard of these is found by their subject
        del row["partition"]
    ids = await harness.insert(rows)
    async with harness.relaying(shards=Shard.all(2)):
        await harness.delivered(ids)
    assert len(harness.arrived) == len(ids), "each was sent once"


@pytest.mark.fault(31, "rows are dropped and sent now while a relay publishes them")
async def test_a_dropped_row_never_went_out(harness: RelayHarness) -> None:
    """Goal: what is said of a row is so. Method: rows become due one after another, while each is
    dropped, or sent now, at about the same moment."""
    async with harness.streaming():
        ids = await waiting(harness, *(0.3 + number / 200 for number in range(120)))
        await asyncio.sleep(0.35)

        async def act(number: int, id_: str) -> Became:
            await asyncio.sleep(number / 220)
            action = scheduled.send_now if number % 4 == 0 else scheduled.drop
            return await action(harness.database, id_)

        said = await asyncio.gather(*(act(number, id_) for number, id_ in enumerate(ids)))
        became = dict(zip(ids, said, strict=True))
        await eventually(harness.is_all_published)
    dropped = {id_ for id_, one in became.items() if one is Became.DROPPED}
    assert dropped, "some were in time"
    assert Became.CLAIMED in said or Became.PUBLISHED in said, "and some were not"
    arrived = await harness.pull()
    assert set(arrived) == set(ids) - dropped
    assert len(arrived) == len(set(arrived)), "each once"


async def test_sent_now_goes_out_now(harness: RelayHarness) -> None:
    ids = await waiting(harness, 3600, 7200)
    await harness.rows.drop_index("scheduled")  # an earlier version did not make it
    async with harness.streaming():
        assert "scheduled" in await harness.rows.index_information()
        assert await scheduled.send_now(harness.database, ids[1]) is Became.DUE

        async def is_published() -> bool:
            return (await harness.states()) == {"published": 1, "scheduled": 1}

        await eventually(is_published, limit_s=2)
    assert await harness.pull() == [ids[1]]
    assert await scheduled.send_now(harness.database, ids[1]) is Became.PUBLISHED
    assert await scheduled.drop(harness.database, ids[1]) is Became.PUBLISHED
    assert await scheduled.drop(harness.database, ids[0]) is Became.DROPPED
    assert await scheduled.drop(harness.database, ids[0]) is Became.UNKNOWN


async def test_a_scheduled_row_counts_once_it_is_due(harness: RelayHarness) -> None:
    async def due() -> tuple[int, float]:
        found = await backlog.due(harness.database)
        return found.count, found.lag_s

    made = harness.row(state="scheduled", deliver_at=later(hours=1), time=later(days=-1))
    await harness.insert([made])
    assert await due() == (0, 0.0)
    await harness.rows.update_one({}, {"$set": {"deliver_at": later(seconds=-30)}})
    count, lag_s = await due()
    assert count == 1
    assert 29 < lag_s < 60


async def test_many_waiting_rows_cost_no_more_than_few(harness: RelayHarness) -> None:
    """Goal: a look costs the same however many rows wait. Method: the plan, and the time of looks
    and of whole passes among 1,000 rows and among 100,000 in one run."""
    rows = Rows(harness.database, Shard(0, 2))
    await _wait_long(harness, 1_000)
    few = await _look_s(rows)
    await _wait_long(harness, 99_000)
    many = await _look_s(rows)
    assert many < FLAT * max(few, 0.001), (few, many)

    await waiting(harness, *[-1.0] * 20)
    look = rows._unclaimed("0/2 1")
    plan = await harness.rows.find(look, sort=DUE_FIRST, limit=1).explain()
    assert plan["executionStats"]["totalKeysExamined"] < 20
    assert "SORT" not in _stages(plan["queryPlanner"]["winningPlan"])
    due = {**look, "deliver_at": {"$not": {"$gt": datetime.now(UTC)}}}
    plan = await harness.rows.find(due, sort=DUE_FIRST).explain()
    assert plan["executionStats"]["totalKeysExamined"] < 30
    assert {"IXSCAN"} <= _stages(plan["queryPlanner"]["winningPlan"]) <= {"IXSCAN", "FETCH"}
    page = harness.rows.find({"state": "scheduled"}, sort=scheduled.ORDER, limit=101)
    plan = await page.min(scheduled.Place(at=later(days=1)).bound).hint("scheduled").explain()
    assert plan["executionStats"]["totalKeysExamined"] <= 102


async def _wait_long(harness: RelayHarness, count: int) -> None:
    made = [
        harness.row(number, state="scheduled", deliver_at=later(days=1, seconds=number))
        for number in range(count)
    ]
    await harness.rows.insert_many(made, ordered=False)


async def _look_s(rows: Rows) -> float:
    """How long a look and a pass that finds nothing take, in the fastest of some."""
    times = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        first = await rows.first_scheduled("0/2 1")
        assert first is not None
        assert await rows.claim_due(first["now"], "0/2 1", most=500) == []
        times.append(time.perf_counter() - began)
    return min(times)


def _stages(plan: Document) -> set[str]:
    inner = plan.get("inputStage", plan.get("queryPlan"))
    own = {plan["stage"]} if "stage" in plan else set()
    return own | (_stages(inner) if inner else set())
