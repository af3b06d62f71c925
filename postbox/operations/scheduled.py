"""What an outbox has scheduled: to look at, to send now, and to drop.

A row that a relay has claimed is on its way, and neither is done to it: what is dropped here never
went out, whatever a relay does at the same moment.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from bson.max_key import MaxKey
from bson.min_key import MinKey
from pymongo import ASCENDING

from postbox.mongo import Database, Document, database_errors
from postbox.operations.backlog import DUE_FIRST, rows_of
from postbox.outbox import CLAIM, COLLECTION, PARKED, PENDING, PUBLISHED, SCHEDULED, row_ids

ORDER: Final = [("state", ASCENDING), *DUE_FIRST]
"""With the state, or the index would not serve where it begins at a place."""
NOT_CLAIMED: Final[Document] = {"state": SCHEDULED, CLAIM: None}


class Became(Enum):
    """What became of a row that was to be sent now, or dropped."""

    DUE = "due"  # a relay takes it within a second
    DROPPED = "dropped"  # it never went out and never will
    CLAIMED = "claimed"  # a relay publishes it just now, or did and died before it said so
    PENDING = "pending"  # it is to be published at once, and not scheduled
    PUBLISHED = "published"
    PARKED = "parked"
    UNKNOWN = "unknown"  # no row has this id: it was dropped, it expired, or it never was


_STATES: Final = {
    SCHEDULED: Became.CLAIMED,
    PENDING: Became.PENDING,
    None: Became.PENDING,
    PUBLISHED: Became.PUBLISHED,
    PARKED: Became.PARKED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in the order of the scheduled rows: behind the row `id`, due at `at`.

    Without an id: before all that are due at `at`, or behind them where `is_behind`.
    """

    at: datetime
    id: object = None
    is_behind: bool = False

    @property
    def bound(self) -> list[tuple[str, Any]]:
        """From here on, by the index."""
        edge = MaxKey() if self.is_behind else MinKey()
        return [
            ("state", SCHEDULED),
            ("deliver_at", self.at),
            ("_id", edge if self.id is None else self.id),
        ]


async def read(
    database: Database,
    *,
    start: Place | None = None,
    most: int,
    collection: str = COLLECTION,
) -> list[Document]:
    """Up to `most` scheduled rows from `start` on, in the order in which they are due."""
    cursor = rows_of(database, collection).find({"state": SCHEDULED}, sort=ORDER, limit=most + 1)
    if start is not None:
        cursor = cursor.min(start.bound).hint(SCHEDULED)
    with database_errors():
        found = await cursor.to_list()
    own = None if start is None else start.id
    return [row for row in found if own is None or row["_id"] != own][:most]


async def send_now(database: Database, id: str, *, collection: str = COLLECTION) -> Became:
    """Make a scheduled row due."""
    with database_errors():
        made = await rows_of(database, collection).update_one(
            {"_id": {"$in": row_ids(id)}, **NOT_CLAIMED},
            [{"$set": {"deliver_at": {"$min": ["$deliver_at", "$$NOW"]}}}],
        )
    return Became.DUE if made.matched_count else await _became(database, id, collection)


async def drop(database: Database, id: str, *, collection: str = COLLECTION) -> Became:
    """Remove a scheduled row for good, before it is published."""
    with database_errors():
        dropped = await rows_of(database, collection).delete_one(
            {"_id": {"$in": row_ids(id)}, **NOT_CLAIMED}
        )
    return Became.DROPPED if dropped.deleted_count else await _became(database, id, collection)


async def _became(database: Database, id: str, collection: str) -> Became:
    with database_errors():
        row = await rows_of(database, collection).find_one(
            {"_id": {"$in": row_ids(id)}}, {"state": 1}
        )
    return Became.UNKNOWN if row is None else _STATES.get(row.get("state"), Became.UNKNOWN)
