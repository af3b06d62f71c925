"""`postbox outbox schema`: the row as a contract, which the server may hold."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from bson import Binary, ObjectId
from pymongo.errors import WriteError

from postbox.mongo import Client, own_database
from postbox.outbox import Outbox
from tests.cli.harness import CliHarness, run

LEAST: dict[str, Any] = {"type": "order.placed", "subject": "o1", "data": {}}
FULL = {
    **LEAST,
    "source": "/shop",
    "time": datetime.now(UTC),
    "partition": 63,
    "state": "pending",
    "traceparent": "00",
    "tracestate": None,
    "headers": {"tenant": "t1"},
    "more": 1,
}
TAKEN = {
    "the least": LEAST,
    "all fields": FULL,
    "an ObjectId": {"_id": ObjectId(), **LEAST},
    "a UUID": {"_id": Binary.from_uuid(uuid4()), **LEAST},
}
REFUSED = {
    "no type": {"subject": "o1", "data": {}},
    "an empty subject": {**LEAST, "subject": ""},
    "a long type": {**LEAST, "type": "t" * 256},
    "data that is text": {**LEAST, "data": "{}"},
    "a time that is text": {**LEAST, "time": "2026-01-02T03:04:05Z"},
    "a state of another kind": {**LEAST, "state": "done"},
    "a partition beyond": {**LEAST, "partition": 64},
    "an id of a number": {"_id": 7, **LEAST},
}


async def test_without_install_it_is_printed_and_needs_no_server() -> None:
    ran = await run("outbox", "schema")
    assert ran.code == 0
    assert ran.json["$jsonSchema"]["required"] == ["_id", "type", "subject", "data"]


async def test_an_installed_schema_takes_what_the_relay_takes(
    harness: CliHarness, client: Client
) -> None:
    await harness.rows.insert_one({"_id": "old", "subject": 7, "state": "pending"})
    assert (await harness.run("outbox", "schema", "--install")).code == 0
    for row in TAKEN.values():
        await harness.rows.insert_one(dict(row))
    for what, row in REFUSED.items():
        with pytest.raises(WriteError, match="Document failed validation"):
            await harness.rows.insert_one({"what": what, **row})
    await Outbox(own_database(client), source="/shop").prepare()  # which tries to write
    await harness.rows.update_one({"_id": "old"}, {"$set": {"state": "parked"}})
    assert (await harness.run("outbox", "schema", "--install")).code == 0  # again


async def test_a_validator_of_somebody_else_is_left_alone(harness: CliHarness) -> None:
    theirs = {"type": {"$type": "string"}}
    await harness.database.command("collMod", "outbox", validator=theirs)
    ran = await harness.run("outbox", "schema", "--install")
    assert ran.code == 2
    assert "a validator that is not of Postbox" in ran.err
    (found,) = await (await harness.database.list_collections(filter={"name": "outbox"})).to_list()
    assert found["options"]["validator"] == theirs
