"""What the database client does wrong by itself, and does not do here."""

import asyncio
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.asynchronous import pool, topology
from pymongo.client_session import ClientSession
from pymongo.lock import Condition, Lock

from postbox import sync
from postbox.mongo import Client, Document, Session, connect, transaction
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK
from tests.eventually import eventually
from tests.postbox.cancellation import turns_of_lost_cancellations


@pytest.mark.parametrize("module", [pool, topology])
async def test_whoever_is_cancelled_as_its_time_is_over_gives_the_lock_back(module: object) -> None:
    cond_wait = vars(module)["_async_cond_wait"]
    lock = Lock()
    condition = Condition(lock)
    waits = asyncio.Event()

    async def wait_for_a_server() -> None:
        async with lock:
            waits.set()
            await cond_wait(condition, 0.01)

    task = asyncio.create_task(wait_for_a_server())
    await waits.wait()
    async with lock:  # which the waiter has to have back before it can go on
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([task])
    async with asyncio.timeout(1):
        await lock.acquire()
    lock.release()


async def test_a_notification_and_the_end_of_the_time_are_reported_apart() -> None:
    condition = Condition()
    cond_wait = vars(topology)["_async_cond_wait"]
    async with condition:
        assert not await cond_wait(condition, 0.01)
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(_notify(condition)))
        assert await cond_wait(condition, 1)


async def test_a_cancellation_is_heeded_at_every_moment(client: Client) -> None:
    """Each that is cancelled while it is under way takes its connection with it: nearly each makes
    a new one."""
    rows = client["x"]["rows"]
    assert await turns_of_lost_cancellations(rows.find_one, turns=40, times=5) == []


async def test_a_connection_made_before_its_server_was_ready_takes_transactions(
    tmp_path: Path,
) -> None:
    """Goal: no connection refuses sessions forever. Method: clients of both kinds with a single
    connection each, made to a server that has no replica set yet."""
    server = Mongod(tmp_path)
    (program,) = server.programs()
    assert program.before_start is not None
    program.before_start()
    mongod = await asyncio.create_subprocess_exec(
        *program.command, env=dict(program.environment), stdout=asyncio.subprocess.DEVNULL
    )
    uri = f"mongodb://{LOOPBACK}:{server.port}/x?directConnection=true&maxPoolSize=1"
    try:
        at_once: MongoClient[Document] = MongoClient(uri)
        async with connect(uri, application="tests") as client:
            rows = client["x"]["rows"]

            async def insert(session: Session) -> None:
                await rows.insert_one({}, session=session)

            def insert_at_once(session: ClientSession) -> None:
                at_once["x"]["rows"].insert_one({}, session=session)

            assert not (await client.admin.command("hello"))["isWritablePrimary"]
            assert not at_once.admin.command("hello")["isWritablePrimary"]
            await eventually(lambda: _is_primary(server))
            await client["x"].create_collection("rows")
            await transaction(client, insert)
            sync.transaction(at_once, insert_at_once)
            assert await rows.count_documents({}) == 2
        at_once.close()
    finally:
        mongod.terminate()
        await mongod.wait()


async def _is_primary(server: Mongod) -> bool:
    return await server.probe() is None


async def _notify(condition: Condition) -> None:
    async with condition:
        condition.notify_all()
