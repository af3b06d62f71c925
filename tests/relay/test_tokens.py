"""The token is an optimisation: whatever becomes of it, no row is lost."""

from pathlib import Path
from typing import Any

import pytest

from relay.state import State
from stack.mongod import Mongod
from stack.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.relay.stage import Stage


async def test_it_goes_on_from_the_saved_token(stage: Stage) -> None:
    """Goal: nothing is lost or repeated across a clean restart. Method: rows while nobody relays
    are marked published behind the relay's back, so that only the stream can bring them."""
    async with stage.streaming():
        first = await stage.add(5)
        await stage.delivered(first)
    second = await stage.add(5)
    await stage.rows.update_many({"_id": {"$in": second}}, {"$set": {"state": "published"}})
    async with stage.relaying():

        async def have_arrived() -> bool:
            return set(second) <= set(await stage.pull())

        await eventually(have_arrived)
    assert stage.arrived == first + second


@pytest.mark.parametrize(
    "token",
    [None, "nonsense", {}, {"_data": "nonsense"}, {"_data": "82" + "00" * 30}, {"_data": 7}],
    ids=str,
)
async def test_a_bad_token_means_backfill(stage: Stage, token: Any) -> None:
    async with stage.streaming():
        first = await stage.add(3)
        await stage.delivered(first)
    second = await stage.add(3)
    await stage.database["relay_checkpoint"].update_one({}, {"$set": {"token": token}})
    async with stage.relaying():
        await stage.delivered(first + second)
    assert stage.arrived == first + second


@pytest.mark.fault(21, "the oplog rolled over while the relay was down")
async def test_lost_history_means_backfill(tmp_path: Path, rabbitmq: RabbitMQ) -> None:
    """Goal: a relay that was down longer than the oplog loses nothing. Method: an oplog of 1 MB and
    enough other writes to push the saved token out of it."""
    arguments = ("--syncdelay", "1")
    async with (
        Mongod(tmp_path / "mongod", oplog_mb=1, arguments=arguments) as mongod,
        Stage(mongod, rabbitmq, tmp_path) as stage,
    ):
        async with stage.streaming():
            ids = await stage.add(5)
            await stage.delivered(ids)
        ids += await stage.add(5)

        async def is_history_lost() -> bool:
            await stage.database["filler"].insert_many(filler())
            token = (await stage.checkpoint())["token"]
            oldest = await stage.client["local"]["oplog.rs"].find_one(sort=[("$natural", 1)])
            assert oldest is not None
            return bool(int(token["_data"][2:10], 16) < oldest["ts"].time)

        await eventually(is_history_lost)
        async with stage.relaying():
            await stage.delivered(ids)
        assert stage.arrived == ids


def filler() -> list[dict[str, str]]:
    return [{"pad": "x" * 100_000} for _ in range(10)]


@pytest.mark.fault(22, "the outbox collection is dropped")
async def test_it_goes_on_when_the_outbox_was_dropped_and_is_back(stage: Stage) -> None:
    async with stage.streaming() as relay:
        first = await stage.add(3)
        await stage.delivered(first)
        await stage.rows.drop()
        second = await stage.add(3)
        await stage.delivered(second)
        assert relay.state is State.STREAMING
        assert "pending" in await stage.rows.index_information()
    assert stage.arrived == first + second


async def test_a_quiet_outbox_on_a_busy_database_keeps_its_token_fresh(stage: Stage) -> None:
    async with stage.streaming():
        before = (await stage.checkpoint())["token"]

        async def has_moved() -> bool:
            await stage.database["other"].insert_one({})
            return bool((await stage.checkpoint())["token"] != before)

        await eventually(has_moved)
