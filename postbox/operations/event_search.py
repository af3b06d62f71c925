"""Finding events in one outbox, newest first, at a bounded cost: by its indexes, or for so long.

The order is that of the ids, which an index gives: a UUIDv7 and an ObjectId begin with their time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final

from bson import Binary, ObjectId
from pymongo import DESCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor

from postbox.mongo import Database, Document, database_errors
from postbox.operations.backlog import rows_of
from postbox.outbox import COLLECTION, PARKED, PENDING, row_ids

SCAN_MAX: Final = 25_000
"""So many rows are looked through in one search that no index serves, at most..."""
SCAN_S: Final = 0.08
"""...and so long, but for the step that is under way then."""
STEP: Final = 2_500
"""So many rows are looked through at once."""
READ_MAX: Final = 2_000
"""So many rows are read in one search for what only a look at the row itself can tell."""
BATCH: Final = 250
SEARCH_TIMEOUT_MS: Final = 3_000
NEWEST_FIRST: Final[Mapping[str, Any]] = {"$sort": {"_id": DESCENDING}}
_LOWER_TYPES: Final = {ObjectId: ["string", "binData"], Binary: ["string"]}
"""In the order of ids, what comes below all ids of a type."""

Rows = AsyncCollection[Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Which events: those for which everything that is given here holds. Nothing given: all."""

    id: str | None = None
    subject: str | None = None
    type: str | None = None
    state: str | None = None
    trace: str | None = None
    """A trace id: 32 lower-case hexadecimal digits."""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def filter(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if self.id is not None:
            wanted["_id"] = {"$in": row_ids(self.id)}
        for name in ("subject", "type", "state"):
            if (value := getattr(self, name)) is not None:
                wanted[name] = value
        if self.trace is not None:
            wanted["traceparent"] = {"$regex": f"^00-{self.trace}-"}
        between = {"$gte": self.since, "$lt": self.until}
        if times := {sign: time for sign, time in between.items() if time is not None}:
            wanted["time"] = times
        return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows, newest first. `after` is where to go on; None: there are no more."""

    rows: list[Document]
    after: object | None
    looked_through: int | None
    """How many rows were looked through without coming to the end; None where all were."""


async def search(
    database: Database,
    wanted: Criteria,
    *,
    after: object | None = None,
    most: int,
    keep: Callable[[Document], bool] | None = None,
    collection: str = COLLECTION,
) -> Page:
    """Up to `most` events that come after the id `after`, within three seconds.

    With `keep`, those for which it holds, among the next 2,000 that `wanted` matches. Where no
    index serves, the search ends after a tenth of a second, and says how far it came.
    """
    rows = rows_of(database, collection)
    until_s = monotonic() + SCAN_S
    with database_errors():
        if not await _is_served(rows, wanted):
            return await _scanned(rows, wanted, after, most, keep, until_s)
        start = {} if after is None else _below(after)
        pipeline = [{"$match": start}, {"$match": wanted.filter}, NEWEST_FIRST]
        return await _read(rows, pipeline, most, keep, until_s)


async def _scanned(
    rows: Rows,
    wanted: Criteria,
    after: object | None,
    most: int,
    keep: Callable[[Document], bool] | None,
    until_s: float,
) -> Page:
    """Step by step through the newest rows, until `most` are found, time is up, or all are seen."""
    found, looked_through, place = list[Document](), 0, after
    while True:
        start = {} if place is None else _below(place)
        end = await _end_of_step(rows, start)
        pipeline = [
            {"$match": start},
            NEWEST_FIRST,
            {"$limit": STEP},
            {"$match": wanted.filter},
        ]
        page = await _read(rows, pipeline, most - len(found), keep, until_s)
        found += page.rows
        if page.after is not None:
            return Page(rows=found, after=page.after, looked_through=page.looked_through)
        if end is None:
            return Page(rows=found, after=None, looked_through=None)
        place = end["_id"]
        looked_through += STEP
        if len(found) == most:
            return Page(rows=found, after=place, looked_through=None)
        if looked_through >= SCAN_MAX or monotonic() >= until_s:
            return Page(rows=found, after=place, looked_through=looked_through)


async def _read(
    rows: Rows,
    pipeline: Sequence[Mapping[str, Any]],
    most: int,
    keep: Callable[[Document], bool] | None,
    until_s: float,
) -> Page:
    """What it gives, or keeps of it."""
    read = most + 1 if keep is None else READ_MAX
    cursor = await rows.aggregate(
        [*pipeline, {"$limit": read}], maxTimeMS=SEARCH_TIMEOUT_MS, batchSize=BATCH
    )
    if keep is not None:
        return await _kept(cursor, keep, most, until_s)
    found = await cursor.to_list()
    after = found[most - 1]["_id"] if len(found) > most else None
    return Page(rows=found[:most], after=after, looked_through=None)


async def _kept(
    cursor: AsyncCommandCursor[Document],
    keep: Callable[[Document], bool],
    most: int,
    until_s: float,
) -> Page:
    """What is kept of at most 2,000 rows; `after` is None where there were no more."""
    found: list[Document] = []
    read = 0
    async for row in cursor:
        read += 1
        if keep(row):
            found.append(row)
        if len(found) == most:
            return Page(rows=found, after=row["_id"], looked_through=None)
        if read == READ_MAX or monotonic() >= until_s:
            return Page(rows=found, after=row["_id"], looked_through=read)
    return Page(rows=found, after=None, looked_through=None)


async def _is_served(rows: Rows, wanted: Criteria) -> bool:
    """Whether an index leads to the events at once, or nearly every row is one."""
    if wanted.id is not None or wanted.state in (PENDING, PARKED) or not wanted.filter:
        return True
    if wanted.subject is None and wanted.trace is None:
        return False
    needed = "subject" if wanted.subject is not None else "traceparent"
    async for index in await rows.list_indexes():
        if next(iter(index["key"])) == needed and "partialFilterExpression" not in index:
            return True
    return False


async def _end_of_step(rows: Rows, start: dict[str, Any]) -> Document | None:
    """The last row of a step; None where the outbox ends before."""
    return await rows.find_one(
        start,
        projection=["_id"],
        sort=[("_id", DESCENDING)],
        skip=STEP - 1,
        max_time_ms=SEARCH_TIMEOUT_MS,
    )


def _below(id: object) -> dict[str, Any]:
    """The ids below `id`; a plain comparison would leave out those of another type."""
    lower = next((types for kind, types in _LOWER_TYPES.items() if isinstance(id, kind)), [])
    if not lower:
        return {"_id": {"$lt": id}}
    return {"$or": [{"_id": {"$lt": id}}, {"_id": {"$type": lower}}]}
