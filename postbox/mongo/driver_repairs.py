"""Two repairs of PyMongo's clients, without which an outage may not end.

**A lock that is kept forever**, on Python 3.11. The asynchronous client waits for a server with
`asyncio.wait_for(condition.wait(), ...)`. Up to Python 3.11 that waits in a task of its own; if the
caller is cancelled just as the time is over, that task takes the client's lock, ends, and never
gives it back: whatever asks the client from then on waits forever, beyond every time limit. From
Python 3.12 on `wait_for` has no such task, and neither has this.

**A connection that refuses sessions forever.** At its first moment a connection notes whether its
server does sessions, and takes a server that is just starting for one that does not. If such a one
comes into the pool while a primary is handed over, each transaction on it fails with a
ConfigurationError, before anything is sent, long after the server is primary. By the common
specification of drivers, the presence of `logicalSessionTimeoutMinutes` says so; a server that
cannot take a command yet answers with an error that is tried again.
"""

import asyncio
import sys
from contextlib import suppress
from typing import Any, Final

from pymongo.asynchronous import pool, topology
from pymongo.asynchronous.pool import AsyncConnection
from pymongo.hello import Hello
from pymongo.lock import Condition
from pymongo.synchronous.pool import Connection

NAME: Final = "_async_cond_wait"


async def _wait(condition: Condition, timeout: float | None) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            return await condition.wait()
    return False


def repair_waiting() -> None:
    """Replace the function wherever the client uses it. AttributeError where it is not any more."""
    for module in (pool, topology):
        getattr(module, NAME)
        setattr(module, NAME, _wait)


def repair_sessions() -> None:
    """Judge by the server's word alone. AttributeError where a connection has no `_hello`."""
    hello, hello_at_once = AsyncConnection._hello, Connection._hello

    async def judged_by_its_word(self: AsyncConnection, *args: Any) -> Hello[Any]:
        answer = await hello(self, *args)
        self.supports_sessions = answer.logical_session_timeout_minutes is not None
        return answer

    def judged_at_once(self: Connection, *args: Any) -> Hello[Any]:
        answer = hello_at_once(self, *args)
        self.supports_sessions = answer.logical_session_timeout_minutes is not None
        return answer

    # They have other signatures.
    setattr(AsyncConnection, "_hello", judged_by_its_word)  # noqa: B010
    setattr(Connection, "_hello", judged_at_once)  # noqa: B010


if sys.version_info < (3, 12):
    repair_waiting()
repair_sessions()
