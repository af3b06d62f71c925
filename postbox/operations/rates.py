"""How many events come into an outbox and go out of it in a second: counted by its indexes.

So many that counting them would be work are not counted: the newest 2,000 tell the rate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson import ObjectId
from pymongo import DESCENDING
from pymongo.asynchronous.collection import AsyncCollection

from postbox.mongo import Database, Document, database_errors
from postbox.operations.backlog import rows_of
from postbox.outbox import COLLECTION, PUBLISHED

COUNTED_MAX: Final = 2_000
LEAST_S: Final = 0.001

Rows = AsyncCollection[Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Rows that were written, and rows that were published, in a second."""

    written_per_s: float
    published_per_s: float


async def flow(
    database: Database, since: datetime, until: datetime, *, collection: str = COLLECTION
) -> Flow:
    """What came and went in `[since, until)`; of more than 2,000, lately in it."""
    rows = rows_of(database, collection)
    published = {"published_at": {"$gte": since, "$lt": until}, "state": PUBLISHED}
    with database_errors():
        return Flow(
            written_per_s=await _written_per_s(rows, since, until),
            published_per_s=await _per_s(
                rows, published, "published_at", lambda at: at.replace(tzinfo=UTC), since, until
            ),
        )


async def _written_per_s(rows: Rows, since: datetime, until: datetime) -> float:
    """By the ids, which begin with their time: UUIDv7 or ObjectId, as a program makes them."""
    uuids = {"_id": {"$gte": _first_uuid(since), "$lt": _first_uuid(until)}}
    begin, end = ObjectId.from_datetime(since), ObjectId.from_datetime(until)
    object_ids = {"_id": {"$gte": begin, "$lt": end}}
    count = await rows.count_documents({"$or": [uuids, object_ids]}, hint="_id_", limit=COUNTED_MAX)
    if count < COUNTED_MAX:
        return count / _seconds(since, until)
    of_uuids = await _per_s(rows, uuids, "_id", _time_of_uuid, since, until)
    return of_uuids + await _per_s(rows, object_ids, "_id", _time_of_object_id, since, until)


async def _per_s(
    rows: Rows,
    wanted: dict[str, Any],
    key: str,
    time_of: Callable[[Any], datetime],
    since: datetime,
    until: datetime,
) -> float:
    """Of the `wanted`, which an index gives in the order of `key`, that says their time."""
    count = await rows.count_documents(wanted, limit=COUNTED_MAX)
    if count < COUNTED_MAX:
        return count / _seconds(since, until)
    last = await rows.find_one(
        wanted, projection=[key], sort=[(key, DESCENDING)], skip=COUNTED_MAX - 1
    )
    return COUNTED_MAX / _seconds(since if last is None else time_of(last[key]), until)


def _seconds(since: datetime, until: datetime) -> float:
    return max(LEAST_S, (until - since).total_seconds())


def _time_of_object_id(id_: ObjectId) -> datetime:
    return id_.generation_time


def _time_of_uuid(id_: str) -> datetime:
    return datetime.fromtimestamp(int(id_[:8] + id_[9:13], 16) / 1_000, UTC)


def _first_uuid(at: datetime) -> str:
    """Below all UUIDv7 of this millisecond and above those before it."""
    ms = int(at.astimezone(UTC).timestamp() * 1_000)
    digits = f"{ms:012x}"
    return f"{digits[:8]}-{digits[8:]}-"
