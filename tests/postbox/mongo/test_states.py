"""A batch's states: written on the version that was read, or not at all."""

from typing import Any

import pytest

from postbox.errors import StaleState
from postbox.mongo import Client, Document, Session, States, own_database, transaction
from postbox.mongo.transactions import SNAPSHOT_TRIES_MAX

IDS = ["a", "b"]


class Rows:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.collection = own_database(client)["rows"]

    async def change(self, **puts: dict[str, Any]) -> None:
        """Read `IDS` and put some, in one transaction."""

        async def body(session: Session) -> None:
            states = await States.read(session, self.collection, IDS)
            for id_, put in puts.items():
                states.put(id_, **put)
            await states.write(session)

        await transaction(self.client, body)

    async def all(self) -> list[Document]:
        return await self.collection.find().sort("_id").to_list()

    async def milliseconds_left(self, id_: str) -> float:
        """Until the row is due, by the server's own clock."""
        left = {"$project": {"left": {"$subtract": ["$due_at", "$$NOW"]}}}
        cursor = await self.collection.aggregate([{"$match": {"_id": id_}}, left])
        return float((await cursor.to_list())[0]["left"])


@pytest.fixture
async def rows(client: Client) -> Rows:
    rows = Rows(client)
    await rows.collection.database.create_collection("rows")
    return rows


async def test_insert_then_replace_counts_versions(rows: Rows) -> None:
    await rows.change(a={"document": {"n": 1}})
    await rows.change(a={"document": {"n": 2}}, b={"document": {"n": 1}})
    assert await rows.all() == [{"_id": "a", "n": 2, "v": 1}, {"_id": "b", "n": 1, "v": 0}]


async def test_later_decisions_of_a_batch_see_what_earlier_ones_put(rows: Rows) -> None:
    await rows.change(a={"document": {"n": 1}})

    async def body(session: Session) -> None:
        states = await States.read(session, rows.collection, ["a", "b", None])
        assert states.get("a") == {"_id": "a", "n": 1}
        assert states.get("b") is states.get(None) is None
        states.put("b", {"n": 7})
        assert states.get("b") == {"_id": "b", "n": 7}
        states.put("b", {"n": 8})
        await states.write(session)

    await transaction(rows.client, body)
    assert (await rows.all())[1] == {"_id": "b", "n": 8, "v": 0}


async def test_what_was_not_put_is_not_written(rows: Rows) -> None:
    await rows.change(a={"document": {"n": 1}})
    await rows.change()
    assert await rows.all() == [{"_id": "a", "n": 1, "v": 0}]


@pytest.mark.parametrize("due_in_ms", [None, {"due_at": 1_000}], ids=["plain", "due"])
async def test_a_version_that_was_not_read_is_never_overwritten(
    rows: Rows, due_in_ms: dict[str, int] | None
) -> None:
    await rows.change(a={"document": {"n": 1}})
    async with rows.client.start_session() as session:
        old = await States.read(session, rows.collection, ["a"])
    old.put("a", {"n": 100}, due_in_ms=due_in_ms)
    await rows.change(a={"document": {"n": 2}})
    tries = 0

    async def body(session: Session) -> None:
        nonlocal tries
        tries += 1
        await old.write(session)

    with pytest.raises(StaleState):
        await transaction(rows.client, body)
    assert tries == SNAPSHOT_TRIES_MAX
    assert await rows.all() == [{"_id": "a", "n": 2, "v": 1}]


async def test_of_two_that_insert_the_second_decides_on_what_the_first_wrote(rows: Rows) -> None:
    tries = 0

    async def body(session: Session) -> None:
        nonlocal tries
        tries += 1
        states = await States.read(session, rows.collection, ["a"])
        if tries == 1:
            await rows.change(a={"document": {"n": 1}})
        n = (states.get("a") or {"n": 0})["n"]
        states.put("a", {"n": n + 10}, due_in_ms={"due_at": 60_000})
        await states.write(session)

    await transaction(rows.client, body)
    assert tries == 2
    (row,) = await rows.all()
    assert (row["n"], row["v"]) == (11, 1)


async def test_deadlines_are_the_servers(rows: Rows) -> None:
    due = {"due_in_ms": {"due_at": 60_000}}
    await rows.change(a={"document": {"n": 1, "due_at": None}, **due})
    assert 50_000 < await rows.milliseconds_left("a") <= 60_000
    await rows.change(a={"document": {"n": 2, "due_at": None}, "due_in_ms": {"due_at": 5_000}})
    assert 0 < await rows.milliseconds_left("a") <= 5_000
    assert (await rows.all())[0]["v"] == 1


async def test_a_deadline_can_be_kept_or_taken_back_within_a_batch(rows: Rows) -> None:
    async def body(session: Session) -> None:
        states = await States.read(session, rows.collection, IDS)
        for id_ in IDS:
            states.put(id_, {"due_at": None}, due_in_ms={"due_at": 60_000})
        states.put("a", {"due_at": None})
        states.put("b", {"due_at": None}, due_in_ms={})
        await states.write(session)

    await transaction(rows.client, body)
    assert await rows.milliseconds_left("a") > 50_000
    assert (await rows.all())[1]["due_at"] is None


async def test_a_document_with_dollars_is_data_and_not_a_formula(rows: Rows) -> None:
    document = {"text": "$$NOW", "path": "$v", "due_at": None}
    await rows.change(a={"document": document, "due_in_ms": {"due_at": 1_000}})
    (row,) = await rows.all()
    assert (row["text"], row["path"]) == ("$$NOW", "$v")
