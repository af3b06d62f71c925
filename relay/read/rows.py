"""The outbox as the relay sees it: its pending, published and parked rows."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import pymongo
from pymongo import ASCENDING, UpdateOne
from pymongo.asynchronous.change_stream import AsyncChangeStream, AsyncCollectionChangeStream
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import PyMongoError

from postbox.mongo import Database, Document
from postbox.outbox import COLLECTION, LENIENT, PARKED, PENDING, PUBLISHED, Shard, prepare_rows

READ_BATCH_ROWS: Final = 500
AWAIT_MS: Final = 1_000
SWEEP_ROWS_MAX: Final = 1_000
CLOSE_TIMEOUT_S: Final = 2.0


async def close(cursor: AsyncCursor[Document] | AsyncChangeStream[Document]) -> None:
    """Close the cursor at the server. A dead connection must not hold up the reader."""
    with suppress(PyMongoError), pymongo.timeout(CLOSE_TIMEOUT_S):
        await cursor.close()


class Rows:
    """One shard of an outbox."""

    def __init__(self, database: Database, shard: Shard) -> None:
        self._database = database
        self._rows = database.get_collection(COLLECTION, codec_options=LENIENT)
        self._shard = shard

    async def prepare(self) -> None:
        """Make the collection and its indexes, if the service has not made them yet."""
        await prepare_rows(self._database[COLLECTION])

    async def watch(self, **start: Any) -> AsyncCollectionChangeStream[Document]:
        """A stream of rows inserted from `start_after` or `start_at_operation_time` on."""
        only = {"operationType": "insert", **self._shard.filter("fullDocument.")}
        return await self._rows.watch(
            [{"$match": only}, {"$project": {"fullDocument": 1, "wallTime": 1}}],
            batch_size=READ_BATCH_ROWS,
            max_await_time_ms=AWAIT_MS,
            **start,
        )

    async def pending(self, session: AsyncClientSession) -> AsyncIterator[Document]:
        """All pending rows, oldest first, as of the session's operation time or later."""
        cursor = self._rows.find(
            {"state": PENDING, **self._shard.filter()},
            sort=[("time", ASCENDING), ("_id", ASCENDING)],
            hint="pending",
            batch_size=READ_BATCH_ROWS,
            session=session,
        )
        try:
            async for row in cursor:
                yield row
        finally:
            await close(cursor)

    async def missed(self, age_s: float) -> list[Document]:
        """A page of pending rows older than `age_s` by the database's clock."""
        limit = {"$subtract": ["$$NOW", int(age_s * 1000)]}
        cursor = self._rows.find(
            {
                "state": PENDING,
                "$expr": {"$lt": ["$time", limit]},
                **self._shard.filter(),
            },
            sort=[("time", ASCENDING), ("_id", ASCENDING)],
            hint="pending",
            limit=SWEEP_ROWS_MAX,
        )
        return await cursor.to_list()

    async def without_state(self, session: AsyncClientSession) -> AsyncIterator[Document]:
        """The rows of other producers that name no state, which no index finds: a scan."""
        cursor = self._rows.find(
            {"state": {"$exists": False}, **self._shard.filter()},
            batch_size=READ_BATCH_ROWS,
            session=session,
        )
        try:
            async for row in cursor:
                yield row
        finally:
            await close(cursor)

    async def fill_times(self, times: Sequence[tuple[object, datetime]]) -> None:
        """Write the time of rows that have none, so that a replay of them is the same event."""
        if times:
            await self._rows.bulk_write(
                [
                    UpdateOne({"_id": id_, "time": {"$exists": False}}, {"$set": {"time": time}})
                    for id_, time in times
                ],
                ordered=False,
            )

    async def mark(self, ids: Sequence[object]) -> None:
        """Mark rows published, at the database's time."""
        await self._rows.update_many(
            {"_id": {"$in": ids}},
            {"$set": {"state": PUBLISHED}, "$currentDate": {"published_at": True}},
            hint="_id_",
        )

    async def park(self, row_id: object, reason: str) -> None:
        """Set a row aside that can never be published, with the reason."""
        await self._rows.update_one(
            {"_id": row_id, "state": {"$in": [PENDING, None]}},
            [
                {
                    "$set": {
                        "state": PARKED,
                        "parked": {"reason": {"$literal": reason}, "at": "$$NOW"},
                    }
                }
            ],
        )
