"""The inbox: which events a consumer has applied. Its rows commit with what they caused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Generic, TypeVar

from pymongo import IndexModel

from postbox.errors import InvalidMessage
from postbox.events import new_id
from postbox.mongo import (
    ASYNC,
    Database,
    DatabaseClock,
    Kind,
    Session,
    answer,
    ensure_indexes,
    try_write,
)

SessionT = TypeVar("SessionT")
COLLECTION = "inbox"
RETENTION = timedelta(days=30)


class InboxRules(Generic[SessionT]):
    """An inbox of any kind of client, whose sessions are `SessionT`."""

    def __init__(
        self,
        kind: Kind,
        database: object,
        *,
        consumer: str,
        clock: DatabaseClock | None = None,
        retention: timedelta | None = None,
    ) -> None:
        own = kind.own_database(database)
        self._kind = kind
        self._rows = own[COLLECTION]
        self._retention = retention
        self._prefix = f"{consumer}/"
        self._clock = clock or DatabaseClock(own.client)

    async def prepare(self) -> None:
        """Make the collection and its index, which a transaction must not do. SchemaMismatch."""
        await self._clock.ensure_synced()
        expiry_s = int((self._retention or RETENTION).total_seconds())
        await ensure_indexes(
            self._rows,
            [IndexModel("at", name="at_1", expireAfterSeconds=expiry_s)],
            keeps_expiry=self._retention is None,
        )
        trial = {"_id": f"{self._prefix}{new_id()}", "at": self._clock.now()}
        await try_write(self._rows, [trial])

    async def first_time(self, session: SessionT, message_id: str) -> bool:
        """Whether this consumer sees `message_id` for the first time; it is remembered on commit.

        Where another transaction remembers it meanwhile, the driver raises a transient write
        conflict: let it through, and whoever runs the transaction repeats it and gets False.
        """
        if not message_id or not isinstance(message_id, str):
            raise InvalidMessage("message_id: not a text, or an empty one")
        if await self.seen(session, [message_id]):
            return False
        await self.record(session, [message_id])
        return True

    async def seen(self, session: SessionT, event_ids: Iterable[str]) -> set[str]:
        """Those of `event_ids` that this consumer has applied already."""
        own = self._kind.in_transaction(session)
        keys = [self._prefix + event_id for event_id in event_ids]
        cursor = self._rows.find({"_id": {"$in": keys}}, {"_id": 1}, session=own)
        start = len(self._prefix)
        return {row["_id"][start:] for row in await answer(cursor.to_list(None))}

    async def record(self, session: SessionT, event_ids: Iterable[str]) -> None:
        """Remember `event_ids`. They must be new: read them with `seen` first."""
        own = self._kind.in_transaction(session)
        at = self._clock.now()
        rows = [{"_id": self._prefix + event_id, "at": at} for event_id in event_ids]
        if rows:
            await answer(self._rows.insert_many(rows, ordered=False, session=own))


class Inbox(InboxRules[Session]):
    """Rows `{_id: "<consumer>/<event id>", at}`, kept for `retention`.

    That should be longer than any dead letter is kept. None keeps what the collection has, which is
    30 days at first.
    """

    def __init__(
        self,
        database: Database,
        *,
        consumer: str,
        clock: DatabaseClock | None = None,
        retention: timedelta | None = None,
    ) -> None:
        super().__init__(ASYNC, database, consumer=consumer, clock=clock, retention=retention)
