"""Outbox, inbox and transaction on Motor's `AsyncIOMotorClient`.

The words and guarantees are those of `postbox`: a program that moves to PyMongo's asynchronous
client, since Motor's life has ended, changes an import. Needs the extra `motor`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, Final, TypeVar

from pymongo.errors import ExecutionTimeout, PyMongoError

from postbox.extras import requires
from postbox.inbox import InboxRules
from postbox.mongo import TIMEOUT_S, Document, Kind, run_transaction
from postbox.outbox import COLLECTION, OutboxRules

with requires("motor"):
    from motor.motor_asyncio import (
        AsyncIOMotorClient,
        AsyncIOMotorClientSession,
        AsyncIOMotorDatabase,
    )

__all__ = ["Inbox", "Outbox", "transaction"]

T = TypeVar("T")
Body = Callable[[AsyncIOMotorClientSession], Awaitable[T]]
PAUSE_MIN_S: Final = 0.005
PAUSE_MAX_S: Final = 0.5
PAUSE_GROWS_BY: Final = 1.5


async def transaction(
    client: AsyncIOMotorClient[Document], body: Body[T], *, timeout_s: float = TIMEOUT_S
) -> T:
    """As `postbox.transaction`."""
    kind = replace(KIND, with_transaction=partial(_with_transaction, timeout_s=timeout_s))
    result: T = await run_transaction(kind, client, body, timeout_s=timeout_s)
    return result


async def _with_transaction(session: Any, body: Body[T], *, timeout_s: float, **options: Any) -> T:
    """As PyMongo's. Motor's own commits where it tries nothing again, and knows no time limit."""
    until = monotonic() + timeout_s
    pause_s = PAUSE_MIN_S
    while True:
        session.start_transaction(**options)
        try:
            result = await body(session)
        except BaseException as error:
            if session.in_transaction:
                await session.abort_transaction()
            if not _is_transient(error) or monotonic() > until:
                raise
        else:
            if not session.in_transaction or await _is_committed(session, until):
                return result
        await asyncio.sleep(random.random() * pause_s)
        pause_s = min(pause_s * PAUSE_GROWS_BY, PAUSE_MAX_S)


async def _is_committed(session: Any, until: float) -> bool:
    """Commit. False: nothing was, and the body has to run again."""
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if monotonic() > until:
                raise
            is_unknown = error.has_error_label("UnknownTransactionCommitResult")
            if is_unknown and not isinstance(error, ExecutionTimeout):
                continue
            if _is_transient(error):
                return False
            raise
        return True


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError")


KIND: Final = Kind(
    module=__name__,
    client=AsyncIOMotorClient,
    database=AsyncIOMotorDatabase,
    session=AsyncIOMotorClientSession,
    with_transaction=_with_transaction,
)


class Outbox(OutboxRules[AsyncIOMotorClientSession]):
    """As `postbox.Outbox`."""

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Document],
        *,
        source: str,
        collection: str = COLLECTION,
        retention: timedelta | None = None,
    ) -> None:
        super().__init__(KIND, database, source=source, collection=collection, retention=retention)


class Inbox(InboxRules[AsyncIOMotorClientSession]):
    """As `postbox.Inbox`."""

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Document],
        *,
        consumer: str,
        retention: timedelta | None = None,
    ) -> None:
        super().__init__(KIND, database, consumer=consumer, retention=retention)
