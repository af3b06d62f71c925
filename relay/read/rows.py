"""The outbox as the relay sees it: its pending, scheduled, published and parked rows."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import pymongo
from pymongo import ASCENDING, ReturnDocument
from pymongo.asynchronous.change_stream import AsyncChangeStream, AsyncCollectionChangeStream
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import OperationFailure, PyMongoError

from postbox.mongo import Database, Document
from postbox.outbox import (
    CLAIM,
    COLLECTION,
    LENIENT,
    PARKED,
    PENDING,
    PUBLISHED,
    SCHEDULED,
    STATE_BY_TIME,
    STATELESS,
    Shard,
    partition_of,
    prepare_rows,
)

READ_BATCH_ROWS: Final = 500
AWAIT_MS: Final = 1_000
SWEEP_ROWS_MAX: Final = 1_000
OLDEST_FIRST: Final = [("time", ASCENDING), ("_id", ASCENDING)]
DUE_FIRST: Final = [("deliver_at", ASCENDING), ("_id", ASCENDING)]
TOO_LARGE: Final = {10334, 17419}
"""BSONObjectTooLarge; and what an update answers that makes a document too large."""
CLOSE_TIMEOUT_S: Final = 2.0


async def close(cursor: AsyncCursor[Document] | AsyncChangeStream[Document]) -> None:
    """Close the cursor at the server. A dead connection must not hold up the reader."""
    with suppress(PyMongoError), pymongo.timeout(CLOSE_TIMEOUT_S):
        await cursor.close()


class Rows:
    """One shard of an outbox."""

    def __init__(self, database: Database, shard: Shard, *, collection: str = COLLECTION) -> None:
        self._collection = database[collection]
        self._rows = database.get_collection(collection, codec_options=LENIENT)
        self._shard = shard

    async def prepare(self) -> None:
        """Make the collection and its indexes, if the service has not made them yet."""
        await prepare_rows(self._collection)

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
        """All pending rows as of the session's operation time or later, oldest first.

        Rows without a state come last, in the order of their ids.
        """
        for cursor in (
            self._rows.find(
                {"state": PENDING, **self._shard.filter()},
                sort=OLDEST_FIRST,
                hint=PENDING,
                batch_size=READ_BATCH_ROWS,
                session=session,
            ),
            self._rows.find(
                {"state": None, **self._shard.filter()},
                hint=STATELESS,
                batch_size=READ_BATCH_ROWS,
                session=session,
            ),
        ):
            try:
                async for row in cursor:
                    yield row
            finally:
                await close(cursor)

    async def missed(self, age_s: float) -> list[Document]:
        """A page of pending rows older than `age_s` by the database's clock.

        Rows without a time or a state are of any age.
        """
        limit = {"$subtract": ["$$NOW", int(age_s * 1000)]}
        pending = self._rows.find(
            {"state": PENDING, "$expr": {"$lt": ["$time", limit]}, **self._shard.filter()},
            sort=OLDEST_FIRST,
            hint=PENDING,
            limit=SWEEP_ROWS_MAX,
        )
        stateless = self._rows.find(
            {"state": None, **self._shard.filter()}, hint=STATELESS, limit=SWEEP_ROWS_MAX
        )
        return [*await pending.to_list(), *await stateless.to_list()]

    async def first_scheduled(self, claim: str) -> Document | None:
        """When the first row is due that `claim` does not have, and the database's time `now`."""
        return await self._rows.find_one(
            self._unclaimed(claim), {"deliver_at": 1, "now": "$$NOW"}, sort=DUE_FIRST
        )

    async def claim_due(self, now: datetime, claim: str, *, most: int) -> list[object]:
        """Claim the first `most` rows that are due at `now`; their ids, some of them dropped."""
        ids: list[object] = []
        # What is no date is due too: it is found to be unpublishable.
        is_due = {"deliver_at": {"$not": {"$gt": now}}}
        cursor = self._rows.find(
            {**self._unclaimed(claim), **is_due},
            {"subject": 1, "partition": 1},
            sort=DUE_FIRST,
            batch_size=most,
        )
        try:
            async for row in cursor:
                if self.owns(row):
                    ids.append(row["_id"])
                if len(ids) == most:
                    break
        finally:
            await close(cursor)
        if ids:
            await self._rows.update_many(
                {"_id": {"$in": ids}, "state": SCHEDULED}, {"$set": {CLAIM: claim}}, hint="_id_"
            )
        return ids

    async def claimed(self, ids: Sequence[object], claim: str) -> AsyncIterator[Document]:
        """Those of `ids` that `claim` has, in the order in which they are due."""
        cursor = self._rows.find(
            {"_id": {"$in": ids}, "state": SCHEDULED, CLAIM: claim},
            sort=DUE_FIRST,
            hint="_id_",
            batch_size=READ_BATCH_ROWS,
        )
        try:
            async for row in cursor:
                yield row
        finally:
            await close(cursor)

    def _unclaimed(self, claim: str) -> dict[str, Any]:
        return {"state": SCHEDULED, CLAIM: {"$ne": claim}, **self._shard.filter()}

    def owns(self, row: Document) -> bool:
        """Whether a row that was read is in this shard."""
        return self._shard.owns(row)

    async def complete(self, row: Document, inserted_at: datetime | None) -> Document | None:
        """Write down the time, state and partition that a row lacks; the row as it is now.

        `inserted_at`: None is now. None where the row is not to be published, or not any more.
        Whichever relay reads the row again, after a crash too, finds the same event.
        """
        time = "$$NOW" if inserted_at is None else {"$min": [inserted_at, "$$NOW"]}
        stored = await self._rows.find_one_and_update(
            {"_id": row["_id"]},
            [
                {
                    "$set": {
                        "time": {"$ifNull": ["$time", time]},
                        "state": {"$ifNull": ["$state", STATE_BY_TIME]},
                        "partition": partition_of(row),
                    }
                }
            ],
            projection={"time": 1, "state": 1, "partition": 1},
            return_document=ReturnDocument.AFTER,
        )
        if stored is None or stored["state"] != (row.get("state") or PENDING):
            return None
        return {**row, **stored}

    async def mark(self, ids: Sequence[object]) -> None:
        """Mark rows published, at the database's time."""
        await self._rows.update_many(
            {"_id": {"$in": ids}},
            {"$set": {"state": PUBLISHED}, "$currentDate": {"published_at": True}},
            hint="_id_",
        )

    async def park(self, row_id: object, reason: str) -> bool:
        """Set a row aside that can never be published, with the reason if it has room for one.

        False where that is impossible: its id is no Unicode, or it is as large as a row can be.
        """
        pending = {"_id": row_id, "state": {"$in": [PENDING, SCHEDULED, None]}}
        parked = {"reason": {"$literal": reason}, "at": "$$NOW"}
        for fields in ({"state": PARKED, "parked": parked}, {"state": PARKED}):
            try:
                await self._rows.update_one(pending, [{"$set": fields}])
            except UnicodeEncodeError:
                return False
            except OperationFailure as error:
                if error.code not in TOO_LARGE:
                    raise
            else:
                return True
        return False
