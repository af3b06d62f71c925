"""Tasks that run together are cancelled together, and no exception is left unretrieved."""

import asyncio
import gc

import pytest

from postbox.runtime import cancelled, tasks
from relay.errors import LeaseLost


async def test_what_failed_on_its_own_just_before_it_was_cancelled_is_dropped() -> None:
    """Otherwise asyncio logs an exception that was never retrieved, with its traceback."""
    logged: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: logged.append(context["message"]))

    async def fails() -> None:
        raise LeaseLost("the lease ran out")

    failing = asyncio.ensure_future(fails())
    await asyncio.wait([failing])
    await cancelled(failing)
    del failing
    gc.collect()
    loop.set_exception_handler(None)
    assert logged == []


async def test_a_cancellation_that_is_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.01)
    lost = 0

    async def losing() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
        await asyncio.sleep(60)

    losing_two = asyncio.ensure_future(losing())
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.cancelled(losing_two), 5)
    assert losing_two.cancelled()
    assert lost == 2
