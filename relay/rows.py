"""The outbox as the relay sees it: what is owed, what was sent, what never can be."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import ASCENDING
from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream
from pymongo.asynchronous.client_session import AsyncClientSession

from postbox.clock import DatabaseClock
from postbox.database import Database, Document
from postbox.outbox import COLLECTION, Outbox
from postbox.source import Shard

READ_BATCH_ROWS: Final = 500
AWAIT_MS: Final = 1_000
SWEEP_ROWS_MAX: Final = 1_000
PENDING_COUNT_MAX: Final = 100_000
"""Counting stops here: a gauge must not cost more the further behind the relay is."""

_LENIENT: Final[CodecOptions[Document]] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="surrogateescape",
)
"""A row that is not proper BSON must not fail its whole batch: encoding will refuse it alone."""


class Rows:
    """One shard of an outbox."""

    def __init__(self, database: Database, shard: Shard) -> None:
        self._database = database
        self._rows = database.get_collection(COLLECTION, codec_options=_LENIENT)
        self._shard = shard

    async def prepare(self) -> None:
        """Make sure that the collection and its indexes are there, whoever starts first."""
        await Outbox(
            self._database, source="", clock=DatabaseClock(self._database.client)
        ).prepare()

    async def watch(self, **start: Any) -> AsyncCollectionChangeStream[Document]:
        """A stream of rows inserted from `start_after` or `start_at_operation_time` on."""
        only = {"operationType": "insert", **self._shard.filter("fullDocument.")}
        return await self._rows.watch(
            [{"$match": only}, {"$project": {"fullDocument": 1}}],
            batch_size=READ_BATCH_ROWS,
            max_await_time_ms=AWAIT_MS,
            **start,
        )

    async def pending(self, session: AsyncClientSession) -> AsyncIterator[Document]:
        """All pending rows, oldest first, as of the session's operation time or later."""
        cursor = self._rows.find(
            {"state": "pending", **self._shard.filter()},
            sort=[("time", ASCENDING), ("_id", ASCENDING)],
            hint="pending",
            batch_size=READ_BATCH_ROWS,
            session=session,
        )
        async with cursor:
            async for row in cursor:
                yield row

    async def overlooked(self, age_s: float) -> list[Document]:
        """A page of the pending rows that are older than `age_s` by the database's clock."""
        limit = {"$subtract": ["$$NOW", int(age_s * 1000)]}
        cursor = self._rows.find(
            {
                "state": "pending",
                "$expr": {"$lt": ["$time", limit]},
                **self._shard.filter(),
            },
            sort=[("time", ASCENDING), ("_id", ASCENDING)],
            hint="pending",
            limit=SWEEP_ROWS_MAX,
        )
        return await cursor.to_list()

    async def mark(self, ids: Sequence[object]) -> None:
        """Mark rows published, at the database's time."""
        await self._rows.update_many(
            {"_id": {"$in": ids}},
            {"$set": {"state": "published"}, "$currentDate": {"published_at": True}},
            hint="_id_",
        )

    async def park(self, row_id: object, reason: str) -> None:
        """Take a row that can never be published out of the way, with the reason."""
        await self._rows.update_one(
            {"_id": row_id, "state": "pending"},
            [
                {
                    "$set": {
                        "state": "parked",
                        "parked": {"reason": {"$literal": reason}, "at": "$$NOW"},
                    }
                }
            ],
        )

    async def count_pending(self) -> int:
        """How many rows are owed; 100,000 means that many or more."""
        return await self._rows.count_documents(
            {"state": "pending", **self._shard.filter()}, hint="pending", limit=PENDING_COUNT_MAX
        )

    async def oldest_pending_age_s(self) -> float:
        """The age of the oldest pending row by the database's clock; 0 when none is owed."""
        steps: list[Mapping[str, Any]] = [
            {"$match": {"state": "pending", **self._shard.filter()}},
            {"$sort": {"time": ASCENDING, "_id": ASCENDING}},
            {"$limit": 1},
            {"$project": {"age": {"$subtract": ["$$NOW", "$time"]}}},
        ]
        cursor = await self._rows.aggregate(steps, hint="pending")
        return next((max(0.0, row["age"] / 1000) for row in await cursor.to_list()), 0.0)
