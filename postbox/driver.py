"""A repair of PyMongo's asynchronous client on Python 3.11, without which an outage may not end.

The client waits for a server with `asyncio.wait_for(condition.wait(), ...)`. Up to Python 3.11 that
waits in a task of its own; if the caller is cancelled just as the time is over, that task takes the
client's lock, ends, and never gives it back: whatever asks the client from then on waits for ever,
beyond every time limit. From Python 3.12 on `wait_for` has no such task, and neither has this.
"""

import asyncio
import sys
from contextlib import suppress
from typing import Final

from pymongo.asynchronous import pool, topology
from pymongo.lock import Condition

NAME: Final = "_async_cond_wait"


async def _wait(condition: Condition, timeout: float | None) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            return await condition.wait()
    return False


def repair() -> None:
    """Replace the function wherever the client uses it. AttributeError where it is not any more."""
    for module in (pool, topology):
        getattr(module, NAME)
        setattr(module, NAME, _wait)


if sys.version_info < (3, 12):
    repair()
