"""What a database that is unavailable looks like, and collections that several make at once."""

import asyncio
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any

import pytest

from postbox.errors import DatabaseUnavailable
from postbox.mongo import DatabaseClock, bounded, connect, ensure_collections, own_database
from tests.postbox.failpoints import failing

NOWHERE = "mongodb://127.0.0.1:1/shop"


async def test_processes_that_start_together_make_the_same_collections(mongo_uri: str) -> None:
    async with AsyncExitStack() as open_:
        clients = [
            await open_.enter_async_context(connect(mongo_uri, application=f"shop {number}"))
            for number in range(6)
        ]
        databases = [own_database(client) for client in clients]
        await asyncio.gather(*(ensure_collections(one, "a", "b", "c") for one in databases))
        assert set(await databases[0].list_collection_names()) == {"a", "b", "c"}
        await ensure_collections(databases[0], "a", "d")
        assert "d" in await databases[0].list_collection_names()


async def test_a_database_that_does_not_answer_is_given_up_within_the_limit(mongo_uri: str) -> None:
    frozen: dict[str, Any] = {"blockConnection": True, "blockTimeMS": 1_500}
    async with (
        connect(mongo_uri, application="tests") as client,
        failing(mongo_uri, "find", times=1, **frozen),
    ):
        began = monotonic()
        with pytest.raises(DatabaseUnavailable), bounded(0.3):
            await own_database(client)["rows"].find_one({})
        assert monotonic() - began < 1.2


async def test_a_database_that_is_nowhere_is_away() -> None:
    async with connect(NOWHERE, application="tests") as client:
        assert not await DatabaseClock(client).answers()
        problem = await DatabaseClock(client).problem() or ""
        assert "127.0.0.1:1: " in problem
        assert len(problem) < 150
        with pytest.raises(DatabaseUnavailable), bounded(0.3):
            await own_database(client)["rows"].insert_one({})
