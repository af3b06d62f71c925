"""Outbox, inbox and transaction on PyMongo's `MongoClient`: for Flask, Django, Celery and scripts.

The words and guarantees are those of `postbox`, without `await`. Everything runs in the caller's
thread; an `Outbox` and an `Inbox` may be shared by threads.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from inspect import isawaitable, iscoroutine
from typing import Any, Final, TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database

from postbox.errors import WrongClient
from postbox.events import AnyFact
from postbox.inbox import InboxRules
from postbox.mongo import TIMEOUT_S, Document, Kind, at_once, run_transaction
from postbox.outbox import COLLECTION, OutboxRules

__all__ = ["Inbox", "Outbox", "transaction"]

T = TypeVar("T")
KIND: Final = Kind(
    module=__name__,
    client=MongoClient,
    database=Database,
    session=ClientSession,
    with_transaction=ClientSession.with_transaction,
)


class Outbox:
    """As `postbox.Outbox`."""

    def __init__(
        self,
        database: Database[Document],
        *,
        source: str,
        collection: str = COLLECTION,
        retention: timedelta | None = None,
    ) -> None:
        self._rules = OutboxRules[ClientSession](
            KIND, database, source=source, collection=collection, retention=retention
        )

    def prepare(self) -> None:
        """As `postbox.Outbox.prepare`."""
        at_once(self._rules.prepare())

    def add(
        self,
        session: ClientSession,
        *facts: AnyFact,
        headers: Mapping[str, Any] | None = None,
        deliver_at: datetime | None = None,
        routing_key: str | None = None,
    ) -> tuple[str, ...]:
        """As `postbox.Outbox.add`."""
        return at_once(
            self._rules.add(
                session, *facts, headers=headers, deliver_at=deliver_at, routing_key=routing_key
            )
        )


class Inbox:
    """As `postbox.Inbox`."""

    def __init__(
        self, database: Database[Document], *, consumer: str, retention: timedelta | None = None
    ) -> None:
        self._rules = InboxRules[ClientSession](
            KIND, database, consumer=consumer, retention=retention
        )

    def prepare(self) -> None:
        """As `postbox.Inbox.prepare`."""
        at_once(self._rules.prepare())

    def first_time(self, session: ClientSession, message_id: str) -> bool:
        """As `postbox.Inbox.first_time`."""
        return at_once(self._rules.first_time(session, message_id))


def transaction(
    client: MongoClient[Document],
    body: Callable[[ClientSession], T],
    *,
    timeout_s: float = TIMEOUT_S,
) -> T:
    """As `postbox.transaction`, with a `body` that is called, not awaited."""

    def called(session: ClientSession) -> T:
        result = body(session)
        if isawaitable(result):  # to commit now would be to commit nothing
            if iscoroutine(result):
                result.close()
            raise WrongClient(f"body: a coroutine function, where {__name__} needs a plain one")
        return result

    result: T = at_once(run_transaction(KIND, client, called, timeout_s=timeout_s))
    return result
