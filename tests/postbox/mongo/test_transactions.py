"""A transaction commits all or nothing, on one snapshot, in bounded time."""

import asyncio
from time import monotonic

import pytest
from pymongo.errors import BulkWriteError, DuplicateKeyError

from postbox.errors import DatabaseUnavailable
from postbox.mongo import Client, Database, Session, connect, own_database, transaction
from postbox.mongo.transactions import SNAPSHOT_TRIES_MAX
from tests.postbox.tcp_proxy import tcp_proxy


@pytest.fixture
async def database(client: Client) -> Database:
    database = own_database(client)
    await database.create_collection("accounts")
    await database.create_collection("letters")
    return database


async def test_all_writes_are_visible_together(client: Client, database: Database) -> None:
    async def body(session: Session) -> str:
        await database["accounts"].insert_one({"_id": 1}, session=session)
        await database["letters"].insert_one({"_id": 1}, session=session)
        assert await database["accounts"].count_documents({}) == 0
        return "done"

    assert await transaction(client, body) == "done"
    assert await database["accounts"].count_documents({}) == 1
    assert await database["letters"].count_documents({}) == 1


async def test_a_body_that_raises_leaves_nothing(client: Client, database: Database) -> None:
    async def body(session: Session) -> None:
        await database["accounts"].insert_one({"_id": 1}, session=session)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transaction(client, body)
    assert await database["accounts"].count_documents({}) == 0


async def test_a_cancelled_body_leaves_nothing_and_blocks_nobody(
    client: Client, database: Database
) -> None:
    written = asyncio.Event()

    async def body(session: Session) -> None:
        await database["accounts"].insert_one({"_id": 1}, session=session)
        written.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(transaction(client, body))
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(1):
        await database["accounts"].insert_one({"_id": 1})


async def test_a_conflict_is_decided_again_on_a_fresh_snapshot(
    client: Client, database: Database
) -> None:
    accounts = database["accounts"]
    await accounts.insert_one({"_id": 1, "balance": 0})
    seen = []

    async def body(session: Session) -> None:
        account = await accounts.find_one({"_id": 1}, session=session)
        assert account is not None
        seen.append(account["balance"])
        if len(seen) == 1:  # somebody else is faster
            await accounts.update_one({"_id": 1}, {"$inc": {"balance": 10}})
        after = {"balance": account["balance"] + 1}
        await accounts.update_one({"_id": 1}, {"$set": after}, session=session)

    await transaction(client, body)
    assert seen == [0, 10]
    assert await accounts.find_one({"_id": 1}) == {"_id": 1, "balance": 11}


@pytest.mark.parametrize("many", [False, True])
async def test_a_key_that_appeared_meanwhile_is_seen_the_second_time(
    client: Client, database: Database, many: bool
) -> None:
    accounts = database["accounts"]
    tries = 0

    async def body(session: Session) -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            await accounts.insert_one({"_id": 1})
        elif await accounts.find_one({"_id": 1}, session=session):
            return "seen"
        if many:
            await accounts.insert_many([{"_id": 2}, {"_id": 1}], ordered=False, session=session)
        else:
            await accounts.insert_one({"_id": 1}, session=session)
        return "inserted"

    assert await transaction(client, body) == "seen"
    assert tries == 2
    assert [row["_id"] async for row in accounts.find()] == [1]


@pytest.mark.parametrize("many", [False, True])
async def test_a_duplicate_key_that_keeps_coming_is_a_bug_and_raised(
    client: Client, database: Database, many: bool
) -> None:
    accounts = database["accounts"]
    await accounts.insert_one({"_id": 1})
    tries = 0

    async def body(session: Session) -> None:
        nonlocal tries
        tries += 1
        if many:
            await accounts.insert_many([{"_id": 1}], session=session)
        else:
            await accounts.insert_one({"_id": 1}, session=session)

    with pytest.raises((DuplicateKeyError, BulkWriteError)):
        await transaction(client, body)
    assert tries == SNAPSHOT_TRIES_MAX


async def test_another_write_error_is_raised_at_once(client: Client, database: Database) -> None:
    await database.create_collection("strict", validator={"amount": {"$gt": 0}})
    tries = 0

    async def body(session: Session) -> None:
        nonlocal tries
        tries += 1
        await database["strict"].insert_many([{"amount": 0}], session=session)

    with pytest.raises(BulkWriteError):
        await transaction(client, body)
    assert tries == 1


async def test_a_transaction_that_is_out_of_time_frees_its_keys_at_once(
    client: Client, database: Database, mongo_uri: str
) -> None:
    """No abort gets through, and by itself the server would hold them for ten seconds and more."""
    async with (
        tcp_proxy(mongo_uri.replace("replicaSet=rs0", "directConnection=true")) as line,
        connect(line.uri, application="tests") as cut_off,
    ):

        async def hangs(session: Session) -> None:
            accounts = own_database(cut_off)["accounts"]
            await accounts.insert_one({"_id": 1}, session=session)
            line.stall()
            await accounts.insert_one({"_id": 2}, session=session)

        with pytest.raises(DatabaseUnavailable):
            await transaction(cut_off, hangs, timeout_s=0.5)

    async def again(session: Session) -> None:
        await database["accounts"].insert_one({"_id": 1}, session=session)

    began = monotonic()
    await transaction(client, again)
    assert monotonic() - began < 1
    assert await database["accounts"].count_documents({}) == 1
