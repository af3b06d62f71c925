"""The token is an optimisation: whatever becomes of it, no row is lost."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from bson.timestamp import Timestamp
from structlog.testing import capture_logs

from relay.checkpoint import Term, Token
from relay.state import State
from stack.servers.mongod import Mongod
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.relay.harness import RelayHarness


async def test_it_goes_on_from_the_saved_token(harness: RelayHarness) -> None:
    """Goal: nothing is lost or repeated across a clean restart. Method: rows while nobody relays
    are marked published behind the relay's back, so that only the stream can bring them."""
    async with harness.streaming():
        first = await harness.add(5)
        await harness.delivered(first)
    second = await harness.add(5)
    await harness.rows.update_many({"_id": {"$in": second}}, {"$set": {"state": "published"}})
    async with harness.relaying():

        async def have_arrived() -> bool:
            return set(second) <= set(await harness.pull())

        await eventually(have_arrived)
    assert harness.arrived == first + second


async def test_a_save_that_the_stop_cuts_off_is_made_again(
    harness: RelayHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, is_saving = Term.save, asyncio.Event()

    async def first_never_ends(term: Term, token: Token) -> None:
        if not is_saving.is_set() and await harness.is_all_published():
            is_saving.set()
            await asyncio.Event().wait()
        await save(term, token)

    async with harness.streaming():
        monkeypatch.setattr(Term, "save", first_never_ends)
        ids = await harness.add(5)
        await is_saving.wait()
    assert await harness.behind_the_token() == set(ids)


@pytest.mark.parametrize(
    "token",
    [None, "nonsense", {}, {"_data": "nonsense"}, {"_data": "82" + "00" * 30}, {"_data": 7}],
    ids=str,
)
async def test_a_bad_token_means_backfill(harness: RelayHarness, token: Any) -> None:
    async with harness.streaming():
        first = await harness.add(3)
        await harness.delivered(first)
    second = await harness.add(3)
    await harness.database["relay_checkpoint"].update_one({}, {"$set": {"token": token}})
    async with harness.relaying():
        await harness.delivered(first + second)
    assert harness.arrived == first + second


@pytest.mark.fault(21, "the oplog rolled over while the relay was down")
async def test_lost_history_means_backfill(tmp_path: Path, rabbitmq: RabbitMQ) -> None:
    """Goal: a relay that was down longer than the oplog loses nothing. Method: an oplog of 1 MB and
    enough other writes to push the saved token out of it."""
    async with short_oplog(tmp_path) as mongod, RelayHarness(mongod, rabbitmq, tmp_path) as harness:
        async with harness.streaming():
            ids = await harness.add(5)
            await harness.delivered(ids)
        ids += await harness.add(5)
        await history_is_lost(harness, (await harness.checkpoint())["token"])
        async with harness.relaying():
            await harness.delivered(ids)
        assert harness.arrived == ids


async def test_an_outbox_that_was_idle_for_longer_than_the_oplog_keeps_its_token(
    tmp_path: Path, rabbitmq: RabbitMQ
) -> None:
    """Goal: a quiet outbox on a busy database does not age out. Method: push the token of its last
    event out of an oplog of 1 MB; then rows that only the token in the checkpoint can bring."""
    async with short_oplog(tmp_path) as mongod, RelayHarness(mongod, rabbitmq, tmp_path) as harness:
        async with harness.streaming():
            first = await harness.add(5)
            await harness.delivered(first)
            await history_is_lost(harness, (await harness.checkpoint())["token"])

            async def is_kept() -> bool:
                return not await is_lost(harness, (await harness.checkpoint())["token"])

            await eventually(is_kept)
        second = await harness.add_backwards(5)
        await harness.rows.update_many({"_id": {"$in": second}}, {"$set": {"state": "published"}})
        async with harness.relaying():

            async def have_arrived() -> bool:
                return set(second) <= set(await harness.pull())

            await eventually(have_arrived)
        assert harness.arrived == first + second


def short_oplog(directory: Path) -> Mongod:
    return Mongod(directory / "mongod", oplog_mb=1, arguments=("--syncdelay", "1"))


async def history_is_lost(harness: RelayHarness, token: dict[str, str]) -> None:
    """Write beside the outbox until `token` has left the oplog."""

    async def look() -> bool:
        await harness.database["filler"].insert_many({"pad": "x" * 100_000} for _ in range(10))
        return await is_lost(harness, token)

    await eventually(look)


async def is_lost(harness: RelayHarness, token: dict[str, str]) -> bool:
    """Whether the oplog begins behind `token`, which begins with a type and its time."""
    oldest = await harness.client["local"]["oplog.rs"].find_one(sort=[("$natural", 1)])
    assert oldest is not None
    begins: Timestamp = oldest["ts"]
    return int(token["_data"][2:18], 16) < (begins.time << 32 | begins.inc)


@pytest.mark.fault(22, "the outbox collection is dropped")
@pytest.mark.parametrize("how", ["drop", "rename"])
async def test_it_goes_on_when_the_outbox_was_dropped_and_is_back(
    harness: RelayHarness, how: str
) -> None:
    """Goal: a loud alarm, not a silent stop; and the token behind the end of the old collection
    brings the rows of the new one in commit order."""
    with capture_logs() as logged:
        async with harness.streaming() as relay:
            first = await harness.add(3)
            await harness.delivered(first)
            if how == "drop":
                await harness.rows.drop()
            else:
                await harness.rows.rename("taken_away")
            second = await harness.add_backwards(200)
            await harness.delivered_in_order(first + second)
            assert relay.state is State.STREAMING
            assert "pending" in await harness.rows.index_information()
    (alarm,) = (line for line in logged if line["log_level"] == "critical")
    assert "dropped or renamed" in alarm["event"]


async def test_a_quiet_outbox_on_a_busy_database_keeps_its_token_fresh(
    harness: RelayHarness,
) -> None:
    async with harness.streaming():
        before = (await harness.checkpoint())["token"]

        async def has_moved() -> bool:
            await harness.database["other"].insert_one({})
            return bool((await harness.checkpoint())["token"] != before)

        await eventually(has_moved)
