"""The only function that opens a transaction.

What it guarantees: all of `body`'s writes are committed by a majority, or none is visible; `body`
reads one snapshot; and the whole is bounded in time, with nothing left behind on the server.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from time import monotonic
from typing import Any, Final, TypeVar

import pymongo
from opentelemetry import trace
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from postbox.errors import StaleState
from postbox.mongo.calls import answer, open_session
from postbox.mongo.clients import ASYNC, Kind
from postbox.mongo.connection import Client, Session
from postbox.mongo.errors import database_errors
from postbox.runtime import crash_point

T = TypeVar("T")

TIMEOUT_S = 5.0
KILL_TIMEOUT_S = 2.0
SNAPSHOT_TRIES_MAX = 4
DUPLICATE_KEY = 11000
_RUN: Final = ContextVar("run", default=1)
"""How many times the body of the current transaction has been begun."""


def is_retried() -> bool:
    """Whether the body of the current transaction has run before, in vain.

    On its first run a body may take for granted that a row is not there yet which it is about to
    insert: the server refuses the insert where it is, and the body runs again, on a fresh snapshot.
    Then it has to read. A body that would insert nothing has to read at once.
    """
    return _RUN.get() > 1


async def transaction(
    client: Client,
    body: Callable[[Session], Awaitable[T]],
    *,
    timeout_s: float = TIMEOUT_S,
) -> T:
    """Run `await body(session)` in one transaction and return its result once that is committed.

    `body` may run several times and must touch nothing but MongoDB. Raises DatabaseUnavailable when
    the outcome is not known or not reached in time: the work may have been applied, so repeat it
    only if it is idempotent (which is what the inbox is for).
    """
    result: T = await run_transaction(ASYNC, client, body, timeout_s=timeout_s)
    return result


async def run_transaction(
    kind: Kind, client: object, body: Callable[[Any], Any], *, timeout_s: float
) -> Any:
    """As `transaction`, with a client of any kind and a body as that client takes it."""
    own = kind.own_client(client)
    body = _telling_retries(body)
    tries_left = SNAPSHOT_TRIES_MAX
    while True:
        tries_left -= 1
        try:
            with database_errors():
                result = await _attempt(kind, own, body, timeout_s)
        except (DuplicateKeyError, BulkWriteError, StaleState) as error:
            # Somebody committed the same key between our snapshot's reads and our write. A fresh
            # snapshot sees it; if it keeps coming back, the body inserts what it has read: a bug.
            if tries_left == 0 or not _is_race(error):
                raise
        else:
            crash_point("transaction.committed")
            return result


def _telling_retries(body: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`body`, with each run after the first as an event on the current span, not as noise."""
    runs = 0

    def run(session: Any) -> Any:
        nonlocal runs
        runs += 1
        _RUN.set(runs)
        if runs > 1:
            trace.get_current_span().add_event("transaction retried", {"run": runs})
        return body(session)

    return run


async def _attempt(kind: Kind, client: Client, body: Callable[[Any], Any], timeout_s: float) -> Any:
    async with open_session(client, causal_consistency=False) as session:
        until = monotonic() + timeout_s
        try:
            with pymongo.timeout(timeout_s):
                return await answer(
                    kind.with_transaction(
                        session,
                        body,
                        read_concern=ReadConcern("snapshot"),
                        write_concern=WriteConcern("majority"),
                        read_preference=ReadPreference.PRIMARY,
                    )
                )
        except PyMongoError as error:
            if error.timeout or monotonic() > until:
                await _kill(client, session)
            raise


async def _kill(client: Client, session: Session) -> None:
    """End what a time-out left open: no abort was sent, and its locks would block others."""
    with suppress(PyMongoError), pymongo.timeout(KILL_TIMEOUT_S):
        await answer(client.admin.command({"killSessions": [session.session_id]}))


def _is_race(error: DuplicateKeyError | BulkWriteError | StaleState) -> bool:
    if isinstance(error, BulkWriteError):
        failures = (error.details or {}).get("writeErrors", [])
        return bool(failures) and all(one.get("code") == DUPLICATE_KEY for one in failures)
    return True
