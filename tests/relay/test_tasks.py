"""Tasks that live and die together leave no complaint behind."""

import asyncio
import gc

from relay.errors import LeaseLost
from relay.tasks import cancelled


async def test_what_failed_on_its_own_just_before_it_was_cancelled_is_dropped() -> None:
    """Else asyncio tells of an exception that nobody heard of, with its traceback."""
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))

    async def fails() -> None:
        raise LeaseLost("the lease ran out")

    failing = asyncio.ensure_future(fails())
    await asyncio.wait([failing])
    await cancelled(failing)
    del failing
    gc.collect()
    loop.set_exception_handler(None)
    assert told == []
