"""A private mongod keeps its data and its address, whatever ends it."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from stack.errors import ServerMissing
from stack.mongod import Mongod, find_mongod
from tests.stack import processes


async def test_data_survives_sigkill_and_another_port(tmp_path: Path) -> None:
    async with Mongod(tmp_path) as mongod:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongod.database("shop"))
        async with client:
            shop = client.get_default_database()
            await shop.orders.insert_one({"_id": 1})
            first = mongod.pid

            await mongod.kill()
            await mongod.start()

            assert mongod.pid != first
            assert await shop.orders.find_one({}) == {"_id": 1}

    await processes.none_left(tmp_path)
    async with Mongod(tmp_path) as elsewhere:
        assert elsewhere.port != mongod.port
        client = AsyncMongoClient(elsewhere.database("shop"))
        async with client, client.start_session() as session:
            async with await session.start_transaction():
                await client.get_default_database().orders.insert_one({"_id": 2}, session=session)
            assert await client.get_default_database().orders.count_documents({}) == 2


async def test_a_mongod_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTBOX_MONGOD", "/nowhere/mongod")
    with pytest.raises(ServerMissing, match="POSTBOX_MONGOD=/nowhere/mongod"):
        find_mongod()
