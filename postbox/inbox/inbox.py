"""The inbox: which events a consumer has applied. Its rows commit with what they caused."""

from collections.abc import Iterable
from datetime import timedelta

from pymongo import IndexModel

from postbox.events import new_id
from postbox.mongo import Database, DatabaseClock, Session, ensure_indexes, try_write

RETENTION = timedelta(days=30)


class Inbox:
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
        self._rows = database["inbox"]
        self._retention = retention
        self._prefix = f"{consumer}/"
        self._clock = clock or DatabaseClock(database.client)

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

    async def seen(self, session: Session, event_ids: Iterable[str]) -> set[str]:
        """Those of `event_ids` that this consumer has applied already."""
        keys = [self._prefix + event_id for event_id in event_ids]
        rows = self._rows.find({"_id": {"$in": keys}}, {"_id": 1}, session=session)
        start = len(self._prefix)
        return {row["_id"][start:] async for row in rows}

    async def record(self, session: Session, event_ids: Iterable[str]) -> None:
        """Remember `event_ids`. They must be new: read them with `seen` first."""
        at = self._clock.now()
        rows = [{"_id": self._prefix + event_id, "at": at} for event_id in event_ids]
        if rows:
            await self._rows.insert_many(rows, ordered=False, session=session)
