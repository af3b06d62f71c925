"""A cancellation at the wrong moment leaves no lock of the database client's behind."""

import asyncio

import pytest
from pymongo.asynchronous import pool, topology
from pymongo.lock import Condition, Lock


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


async def test_a_notification_and_the_end_of_the_time_are_told_apart() -> None:
    condition = Condition()
    cond_wait = vars(topology)["_async_cond_wait"]
    async with condition:
        assert not await cond_wait(condition, 0.01)
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(_notify(condition)))
        assert await cond_wait(condition, 1)


async def _notify(condition: Condition) -> None:
    async with condition:
        condition.notify_all()
