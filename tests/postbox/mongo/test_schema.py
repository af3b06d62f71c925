"""A database that was used before: brought up to date, or refused in one line, never harmed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo import ASCENDING

from postbox.errors import ConfigurationError, SchemaMismatch
from postbox.inbox import Inbox
from postbox.mongo import Client, Database, check_server, connect, own_database
from postbox.outbox import Outbox
from stack.servers.mongod import find_mongod
from stack.servers.ports import LOOPBACK, free_port

Prepare = Callable[[Database], Awaitable[None]]


async def _view(database: Database) -> None:
    await database.create_collection("outbox", viewOn="others", pipeline=[])


async def _capped(database: Database) -> None:
    await database.create_collection("outbox", capped=True, size=1_000_000)


async def _time_series(database: Database) -> None:
    await database.create_collection("outbox", timeseries={"timeField": "time"})


async def _validator(database: Database) -> None:
    await database.create_collection("outbox", validator={"$jsonSchema": {"required": ["price"]}})


async def _other_keys(database: Database) -> None:
    await database["outbox"].create_index([("customer", ASCENDING)], name="pending")


async def _other_filter(database: Database) -> None:
    keys = [("state", ASCENDING), ("time", ASCENDING), ("_id", ASCENDING)]
    await database["outbox"].create_index(keys, name="pending")


async def _same_keys_by_another_name(database: Database) -> None:
    await database["outbox"].create_index(
        "published_at", name="mine", partialFilterExpression={"state": "published"}
    )


def outbox(client: Client, retention: timedelta | None = None) -> Outbox:
    return Outbox(own_database(client), source="/services/shop", retention=retention)


async def expiry_s(client: Client, collection: str, index: str) -> int:
    indexes = await own_database(client)[collection].index_information()
    seconds: int = indexes[index]["expireAfterSeconds"]
    return seconds


@pytest.mark.fault(32, "the outbox's name is another thing's")
@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (_view, "is a view, where a plain collection is needed"),
        (_capped, "is a capped collection"),
        (_time_series, "is a timeseries"),
        (_validator, "Document failed validation"),
        (_other_keys, "has an index 'pending' on {'customer': 1}"),
        (_other_filter, "partialFilterExpression"),
        (_same_keys_by_another_name, "mine"),
    ],
)
async def test_what_is_in_the_way_is_named_and_left_alone(
    client: Client, prepare: Prepare, words: str
) -> None:
    """Goal: a start says what was found, and where. Method: a database prepared by somebody else;
    afterwards it is as it was."""
    database = own_database(client)
    await prepare(database)
    before = await _look(database)
    with pytest.raises(SchemaMismatch) as reported:
        await outbox(client).prepare()
    assert f"{database.name}.outbox" in str(reported.value)
    assert words in str(reported.value)
    assert "\n" not in str(reported.value)
    after = await _look(database)
    assert {name: after[name] for name in before} == before


async def _look(database: Database) -> dict[str, object]:
    found: dict[str, object] = {}
    async for one in await database.list_collections(filter={"name": {"$not": {"$regex": "^sys"}}}):
        found[one["name"]] = one["options"], one["type"]
    if "outbox" in found and "view" not in str(found["outbox"]):
        for name, index in (await database["outbox"].index_information()).items():
            found[f"index {name}"] = index
    return found


async def test_a_changed_retention_changes_the_index_that_is_there(client: Client) -> None:
    await outbox(client).prepare()
    assert await expiry_s(client, "outbox", "published") == 7 * 86_400
    await outbox(client, retention=timedelta(days=1)).prepare()
    assert await expiry_s(client, "outbox", "published") == 86_400
    await outbox(client).prepare()
    assert await expiry_s(client, "outbox", "published") == 86_400, "who asks for none changes none"


async def test_the_inboxs_retention_likewise(client: Client) -> None:
    for days in (30, 60):
        inbox = Inbox(own_database(client), consumer="shop", retention=timedelta(days=days))
        await inbox.prepare()
        assert await expiry_s(client, "inbox", "at_1") == days * 86_400


async def test_an_index_of_an_earlier_version_is_replaced(client: Client) -> None:
    rows = own_database(client)["outbox"]
    await rows.create_index("published_at", expireAfterSeconds=604_800)
    await outbox(client).prepare()
    assert set(await rows.index_information()) == {
        "_id_",
        "pending",
        "scheduled",
        "stateless",
        "parked",
        "published",
    }


async def test_preparing_leaves_no_row_behind(client: Client) -> None:
    await outbox(client).prepare()
    await Inbox(own_database(client), consumer="shop").prepare()
    assert await own_database(client)["outbox"].count_documents({}) == 0
    assert await own_database(client)["inbox"].count_documents({}) == 0


async def test_a_server_that_is_no_replica_set_is_named(tmp_path: Path) -> None:
    port = free_port()
    command = (find_mongod(), "--dbpath", tmp_path, "--port", str(port), "--bind_ip", LOOPBACK)
    server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        uri = f"mongodb://{LOOPBACK}:{port}/?directConnection=true"
        async with connect(uri, application="tests") as client:
            with pytest.raises(ConfigurationError, match="MONGO_URI: MongoDB is no replica set"):
                await check_server(client)
    finally:
        server.terminate()
        await server.wait()
