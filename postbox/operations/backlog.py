"""What an outbox has pending, and what was parked in it: to look at, and to retry."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection

from postbox.mongo import Database, Document, database_errors
from postbox.outbox import (
    COLLECTION,
    COUNT_MAX,
    LENIENT,
    PARKED,
    PENDING,
    SCHEDULED,
    STATE_BY_TIME,
    Shard,
    row_ids,
)

RETRY_ROWS: Final = 1_000
"""How many rows are set back in one update."""
DUE_FIRST: Final = [("deliver_at", ASCENDING), ("_id", ASCENDING)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSelection:
    """Which rows: those for which everything that is given here holds. Nothing given: all."""

    ids: tuple[str, ...] = ()
    type: str | None = None
    reason: str | None = None
    """A part of the reason for which a row was parked."""

    @property
    def filter(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if self.ids:
            wanted["_id"] = {"$in": [value for text in self.ids for value in row_ids(text)]}
        if self.type is not None:
            wanted["type"] = self.type
        if self.reason is not None:
            wanted["parked.reason"] = {"$regex": re.escape(self.reason)}
        return wanted


ALL: Final = RowSelection()
WHOLE: Final = Shard()


async def read(
    database: Database,
    state: str,
    wanted: RowSelection = ALL,
    *,
    most: int,
    collection: str = COLLECTION,
) -> list[Document]:
    """Up to `most` rows that are pending or parked, oldest first."""
    with database_errors():
        return (
            await rows_of(database, collection)
            .find(
                {"state": state, **wanted.filter},
                sort=[("time", ASCENDING), ("_id", ASCENDING)],
                limit=most,
            )
            .to_list()
        )


async def find(database: Database, id: str, *, collection: str = COLLECTION) -> Document | None:
    """The row of that id, whatever its state."""
    with database_errors():
        return await rows_of(database, collection).find_one({"_id": {"$in": row_ids(id)}})


async def count(
    database: Database,
    state: str,
    wanted: RowSelection = ALL,
    *,
    shard: Shard = WHOLE,
    collection: str = COLLECTION,
) -> int:
    """How many rows are pending or parked; 100,000 means that many or more."""
    with database_errors():
        return await rows_of(database, collection).count_documents(
            {"state": state, **wanted.filter, **shard.filter()}, limit=COUNT_MAX
        )


async def has_schedule(database: Database, *, collection: str = COLLECTION) -> bool:
    """Whether an index says cheaply what is scheduled; without it nothing should ask."""
    with database_errors():
        indexes = [one async for one in await rows_of(database, collection).list_indexes()]
    return any(
        dict(one.get("partialFilterExpression", {})) == {"state": SCHEDULED} for one in indexes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What should have gone out: rows that are pending, or scheduled and due."""

    count: int
    """100,000 means that many or more."""
    lag_s: float
    """How long the oldest waits, by the database's clock, since its time or since it was due."""


async def due(
    database: Database,
    *,
    shard: Shard = WHOLE,
    has_scheduled: bool = True,
    collection: str = COLLECTION,
) -> Due:
    """Where `has_scheduled` is false, nobody need look for rows that are scheduled."""
    pending = await count(database, PENDING, shard=shard, collection=collection)
    lag_s = await _pending_age_s(database, shard, collection) if pending else 0.0
    first = await _first_scheduled(database, shard, collection) if has_scheduled else None
    if first is None or first["late_ms"] < 0:
        return Due(count=pending, lag_s=max(0.0, lag_s))
    is_due = {"deliver_at": {"$lte": first["now"]}}
    with database_errors():
        late_count = await rows_of(database, collection).count_documents(
            {"state": SCHEDULED, **is_due, **shard.filter()}, limit=COUNT_MAX
        )
    late_s = first["late_ms"] / 1000
    return Due(count=min(COUNT_MAX, pending + late_count), lag_s=max(0.0, lag_s, late_s))


async def _first_scheduled(database: Database, shard: Shard, collection: str) -> Document | None:
    """How late the first scheduled row is, below 0 where it is not due, and the time `now`."""
    with database_errors():
        return await rows_of(database, collection).find_one(
            {"state": SCHEDULED, "deliver_at": {"$type": "date"}, **shard.filter()},
            {"now": "$$NOW", "late_ms": {"$subtract": ["$$NOW", "$deliver_at"]}},
            sort=DUE_FIRST,
        )


async def _pending_age_s(database: Database, shard: Shard, collection: str) -> float:
    with database_errors():
        cursor = await rows_of(database, collection).aggregate(
            [
                {"$match": {"state": PENDING, "time": {"$type": "date"}, **shard.filter()}},
                {"$sort": {"time": ASCENDING, "_id": ASCENDING}},
                {"$limit": 1},
                {"$project": {"age": {"$subtract": ["$$NOW", "$time"]}}},
            ]
        )
        return next((row["age"] / 1000 for row in await cursor.to_list()), 0.0)


async def retry(database: Database, wanted: RowSelection, *, collection: str = COLLECTION) -> int:
    """Set parked rows back to pending, or to scheduled; returns how many.

    The relay's next sweep takes those that are pending.

    They keep why they were parked: so the sweep can tell them from rows that the stream missed.
    One that still cannot be published is parked again.
    """
    rows = rows_of(database, collection)
    done = 0
    parked = {"state": PARKED, **wanted.filter}
    with database_errors():
        while ids := [row["_id"] for row in await _page(rows, parked)]:
            result = await rows.update_many(
                {"_id": {"$in": ids}, "state": PARKED},
                [{"$set": {"state": STATE_BY_TIME}}],
            )
            done += result.modified_count
    return done


async def _page(rows: AsyncCollection[Document], wanted: dict[str, Any]) -> Sequence[Document]:
    return await rows.find(wanted, projection=["_id"], limit=RETRY_ROWS).to_list()


def rows_of(database: Database, collection: str = COLLECTION) -> AsyncCollection[Document]:
    """The outbox, to be read whatever other producers wrote into it."""
    return database.get_collection(collection, codec_options=LENIENT)
