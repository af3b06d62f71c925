"""The inbox: which events a consumer has applied. Its rows commit with what they caused."""

from collections.abc import Iterable
from datetime import timedelta

from postbox.mongo import Database, DatabaseClock, Session

RETENTION = timedelta(days=30)


class Inbox:
    """Rows `{_id: "<consumer>/<event id>", at}`, kept longer than any dead letter is."""

    def __init__(
        self, database: Database, *, consumer: str, clock: DatabaseClock | None = None
    ) -> None:
        self._rows = database["inbox"]
        self._prefix = f"{consumer}/"
        self._clock = clock or DatabaseClock(database.client)

    async def prepare(self) -> None:
        """Create the collection and its index, which a transaction must not do."""
        await self._clock.ensure_synced()
        await self._rows.create_index("at", expireAfterSeconds=int(RETENTION.total_seconds()))

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
