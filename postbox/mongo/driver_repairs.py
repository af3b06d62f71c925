"""Three repairs of PyMongo's clients, without which an outage or a stop may not end.

**A lock that is kept forever**, and **a cancellation that is lost**, both on Python 3.11, whose
`asyncio.wait_for` waits in a task of its own. If who waits for a server is cancelled just as the
time is over, that task takes the client's lock, ends, and never gives it back: whatever asks the
client from then on waits forever, beyond every time limit. If who makes a connection is cancelled
just as it is made, it goes on as if nothing had been said.

**A connection that refuses sessions forever.** At its first moment a connection notes whether its
server does sessions, and takes a server that is just starting for one that does not. If such a one
comes into the pool while a primary is handed over, each transaction on it fails with a
ConfigurationError, before anything is sent, long after the server is primary. By the common
specification of drivers, the presence of `logicalSessionTimeoutMinutes` says so; a server that
cannot take a command yet answers with an error that is tried again.
"""

from typing import Any

from pymongo import lock, network_layer, pool_shared
from pymongo.asynchronous.pool import AsyncConnection
from pymongo.hello import Hello
from pymongo.synchronous.pool import Connection

from postbox.wait_for import repair_wait_for


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


repair_wait_for(lock, network_layer, pool_shared)
repair_sessions()
