"""The only function that opens a transaction.

What it guarantees: all of `body`'s writes are committed by a majority, or none is visible; `body`
reads one snapshot; and the whole is bounded in time, with nothing left behind on the server.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import pymongo
from opentelemetry import trace
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from postbox.errors import StaleState
from postbox.mongo.connection import Client
from postbox.mongo.errors import database_errors

T = TypeVar("T")
Session = AsyncClientSession

TIMEOUT_S = 5.0
KILL_TIMEOUT_S = 2.0
SNAPSHOT_TRIES_MAX = 4
DUPLICATE_KEY = 11000


async def transaction(
    client: Client,
    body: Callable[[Session], Awaitable[T]],
    *,
    timeout_s: float = TIMEOUT_S,
) -> T:
    """Run `body(session)` in one transaction and return its result once that is committed.

    `body` may run several times and must touch nothing but MongoDB. Raises DatabaseUnavailable when
    the outcome is not known or not reached in time: the work may have been applied, so repeat it
    only if it is idempotent (which is what the inbox is for).
    """
    body = _telling_retries(body)
    tries_left = SNAPSHOT_TRIES_MAX
    while True:
        tries_left -= 1
        try:
            with database_errors():
                return await _attempt(client, body, timeout_s)
        except (DuplicateKeyError, BulkWriteError, StaleState) as error:
            # Somebody committed the same key between our snapshot's reads and our write. A fresh
            # snapshot sees it; if it keeps coming back, the body inserts what it has read: a bug.
            if tries_left == 0 or not _is_race(error):
                raise


def _telling_retries(body: Callable[[Session], Awaitable[T]]) -> Callable[[Session], Awaitable[T]]:
    """`body`, with each run after the first as an event on the current span, not as noise."""
    runs = 0

    async def run(session: Session) -> T:
        nonlocal runs
        runs += 1
        if runs > 1:
            trace.get_current_span().add_event("transaction retried", {"run": runs})
        return await body(session)

    return run


async def _attempt(client: Client, body: Callable[[Session], Awaitable[T]], timeout_s: float) -> T:
    async with client.start_session(causal_consistency=False) as session:
        try:
            with pymongo.timeout(timeout_s):
                return await session.with_transaction(
                    body,
                    read_concern=ReadConcern("snapshot"),
                    write_concern=WriteConcern("majority"),
                    read_preference=ReadPreference.PRIMARY,
                )
        except PyMongoError as error:
            if error.timeout:
                await _kill(client, session)
            raise


async def _kill(client: Client, session: Session) -> None:
    """End what a time-out left open: no abort was sent, and its locks would block others."""
    with suppress(PyMongoError), pymongo.timeout(KILL_TIMEOUT_S):
        await client.admin.command({"killSessions": [session.session_id]})


def _is_race(error: DuplicateKeyError | BulkWriteError | StaleState) -> bool:
    if isinstance(error, BulkWriteError):
        failures = (error.details or {}).get("writeErrors", [])
        return bool(failures) and all(one.get("code") == DUPLICATE_KEY for one in failures)
    return True
