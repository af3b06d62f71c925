"""A private mongod keeps its data and its address, whatever ends it."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from postbox.embedded import Mongod, NotReady, ServerMissing, find_mongod
from postbox.embedded.mongod import PROBE_LIMIT_S
from tests.eventually import eventually
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


async def _frozen_while_it_is_initiated(mongod: Mongod, directory: Path) -> "asyncio.Task[None]":
    starting = asyncio.create_task(mongod.start())

    async def is_asked() -> bool:
        return (directory / "initiating").exists()

    await eventually(is_asked, every_s=0.001)
    assert mongod.pid is not None
    os.kill(mongod.pid, signal.SIGSTOP)
    return starting


@pytest.mark.fault(30, "the initiation of a replica set is slow")
async def test_a_slow_initiation_is_not_cut_off(tmp_path: Path) -> None:
    """Goal: a busy machine gets its server too. Method: mongod is frozen in the middle of its
    initiation for longer than any look at it may take."""
    mongod = Mongod(tmp_path)
    try:
        starting = await _frozen_while_it_is_initiated(mongod, tmp_path)
        done, _ = await asyncio.wait((starting,), timeout=2.5 * PROBE_LIMIT_S)
        assert not done
        assert mongod.pid is not None
        os.kill(mongod.pid, signal.SIGCONT)
        await starting
        assert await mongod.probe() is None
    finally:
        await mongod.stop()


@pytest.mark.fault(30, "mongod dies while its replica set is initiated")
async def test_a_server_that_died_in_its_initiation_is_made_anew(tmp_path: Path) -> None:
    mongod = Mongod(tmp_path)
    try:
        starting = await _frozen_while_it_is_initiated(mongod, tmp_path)
        await mongod.kill()
        with pytest.raises(NotReady):
            await starting
        await mongod.stop()
        await mongod.start()
        assert await mongod.probe() is None
        assert not (tmp_path / "initiating").exists()
    finally:
        await mongod.stop()


async def test_a_mongod_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTBOX_MONGOD", "/nowhere/mongod")
    with pytest.raises(ServerMissing, match="POSTBOX_MONGOD=/nowhere/mongod"):
        find_mongod()
