"""What an outbox has pending, and what was parked in it: to look at, and to retry."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection

from postbox.mongo import Database, Document, database_errors
from postbox.outbox import COLLECTION, COUNT_MAX, LENIENT, PARKED, PENDING, Shard, row_ids

RETRY_ROWS: Final = 1_000
"""How many rows are set back in one update."""


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
    database: Database, state: str, wanted: RowSelection = ALL, *, most: int
) -> list[Document]:
    """Up to `most` rows that are pending or parked, oldest first."""
    with database_errors():
        return (
            await _rows(database)
            .find(
                {"state": state, **wanted.filter},
                sort=[("time", ASCENDING), ("_id", ASCENDING)],
                limit=most,
            )
            .to_list()
        )


async def find(database: Database, id: str) -> Document | None:
    """The row of that id, whatever its state."""
    with database_errors():
        return await _rows(database).find_one({"_id": {"$in": row_ids(id)}})


async def count(
    database: Database, state: str, wanted: RowSelection = ALL, *, shard: Shard = WHOLE
) -> int:
    """How many rows are pending or parked; 100,000 means that many or more."""
    with database_errors():
        return await _rows(database).count_documents(
            {"state": state, **wanted.filter, **shard.filter()}, limit=COUNT_MAX
        )


async def lag_s(database: Database, *, shard: Shard = WHOLE) -> float:
    """The age of the oldest pending row by the database's clock; 0 when none is pending."""
    with database_errors():
        cursor = await _rows(database).aggregate(
            [
                {"$match": {"state": PENDING, "time": {"$type": "date"}, **shard.filter()}},
                {"$sort": {"time": ASCENDING, "_id": ASCENDING}},
                {"$limit": 1},
                {"$project": {"age": {"$subtract": ["$$NOW", "$time"]}}},
            ]
        )
        return next((max(0.0, row["age"] / 1000) for row in await cursor.to_list()), 0.0)


async def retry(database: Database, wanted: RowSelection) -> int:
    """Set parked rows back to pending; returns how many. The relay's next sweep takes them.

    They keep why they were parked: so the sweep can tell them from rows that the stream missed.
    One that still cannot be published is parked again.
    """
    rows = _rows(database)
    done = 0
    parked = {"state": PARKED, **wanted.filter}
    with database_errors():
        while ids := [row["_id"] for row in await _page(rows, parked)]:
            result = await rows.update_many(
                {"_id": {"$in": ids}, "state": PARKED},
                {"$set": {"state": PENDING}},
            )
            done += result.modified_count
    return done


async def _page(rows: AsyncCollection[Document], wanted: dict[str, Any]) -> Sequence[Document]:
    return await rows.find(wanted, projection=["_id"], limit=RETRY_ROWS).to_list()


def _rows(database: Database) -> AsyncCollection[Document]:
    return database.get_collection(COLLECTION, codec_options=LENIENT)
