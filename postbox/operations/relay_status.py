"""The status of a source: who relays each shard, its progress, what is pending. It only reads.

Leases and ages are judged by the database's clock, as the relays themselves judge them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from postbox.mongo import Client, Database, Document, database_errors
from postbox.operations import backlog
from postbox.outbox import CHECKPOINTS, COLLECTION, PARKED, SCHEDULED, Shard, beside

SHARDS_MAX: Final = 4_096
"""So many checkpoints are read; there are at most as many shards as partitions, for each count."""
_UNAUTHORIZED: Final = 13
_IS_SHARD: Final = r"^\d+/\d+$"
_TOKEN_TIME: Final = re.compile(r"82([0-9A-Fa-f]{8})")
"""A resume token begins with the type of a timestamp and its seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStatus:
    """One shard. Ages are in seconds; None is unknown, or not there yet."""

    shard: str
    holder: str | None
    """Who has, or last had, the lease."""
    is_led: bool
    lease_left_s: float | None
    """How long it is led for sure; a relay that lives renews the lease well before."""
    fence: int | None
    lag_s: float
    """How long the oldest row waits that is pending, or scheduled and due; 0 without any."""
    token_age_s: float | None
    """How long ago the token was saved."""
    oplog_left_s: float | None
    """How far the token is ahead of the oplog's first entry; below 0 the token is lost."""
    pending: int
    parked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One source."""

    oplog_window_s: float | None
    """From the oplog's first entry to its last; None where we may not read it."""
    shards: Sequence[ShardStatus]
    scheduled: int | None = None
    """How many rows wait for their time; None where no index says so cheaply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What changes so slowly that who looks often may ask for it seldom."""

    oplog_first_s: int | None
    oplog_last_s: int | None
    has_schedule: bool


async def background(database: Database, *, collection: str = COLLECTION) -> Background:
    """DatabaseUnavailable where it is unavailable."""
    with database_errors():
        first_s, last_s = await _oplog(database.client)
        has_schedule = await backlog.has_schedule(database, collection=collection)
    return Background(oplog_first_s=first_s, oplog_last_s=last_s, has_schedule=has_schedule)


async def standing(
    database: Database, *, collection: str = COLLECTION, against: Background | None = None
) -> SourceStatus:
    """Look at one source's outbox. DatabaseUnavailable where it is unavailable.

    `against` is its background, as it was a while ago; without, it is asked for.
    """
    known = against or await background(database, collection=collection)
    with database_errors():
        checkpoints = await _checkpoints(database[beside(collection, CHECKPOINTS)])
        scheduled = None
        if known.has_schedule:
            scheduled = await backlog.count(database, SCHEDULED, collection=collection)
        look = partial(_stands, database, collection, known, bool(scheduled))
        shards = [
            await look(shard, checkpoints.get(str(shard), {})) for shard in _current(checkpoints)
        ]
    first_s, last_s = known.oplog_first_s, known.oplog_last_s
    window_s = None if first_s is None or last_s is None else float(last_s - first_s)
    return SourceStatus(oplog_window_s=window_s, shards=shards, scheduled=scheduled)


async def _checkpoints(rows: AsyncCollection[Document]) -> dict[str, Document]:
    """The checkpoints by shard, each with what the database's clock makes of it."""
    cursor = await rows.aggregate(
        [
            {"$match": {"_id": {"$regex": _IS_SHARD}}},
            {"$limit": SHARDS_MAX},
            {
                "$set": {
                    "is_led": {"$gt": ["$until", "$$NOW"]},
                    "lease_left_ms": {"$subtract": ["$until", "$$NOW"]},
                    "token_age_ms": {"$subtract": ["$$NOW", "$at"]},
                }
            },
        ]
    )
    return {row["_id"]: row async for row in cursor}


def _current(checkpoints: dict[str, Document]) -> list[Shard]:
    """All shards of the division that is in use.

    The count is part of a checkpoint's name, so an earlier division leaves its checkpoints behind:
    in use is the one that has a leader; where none has, the one that had one last.
    """
    by_name = {Shard.parse(name): row for name, row in checkpoints.items()}
    counts = {shard.count for shard, row in by_name.items() if row["is_led"]}
    if not counts:
        last = max(
            (shard for shard in by_name if "until" in by_name[shard]),
            key=lambda shard: by_name[shard]["until"],
            default=Shard(),
        )
        counts = {last.count}
    return [Shard(index, count) for count in sorted(counts) for index in range(count)]


async def _stands(
    database: Database,
    collection: str,
    known: Background,
    has_scheduled: bool,
    shard: Shard,
    checkpoint: Document,
) -> ShardStatus:
    due = await backlog.due(
        database, shard=shard, has_scheduled=has_scheduled, collection=collection
    )
    first_s = known.oplog_first_s
    token_s = _token_time_s(checkpoint.get("token"))
    age_ms = checkpoint.get("token_age_ms")
    left_ms = checkpoint.get("lease_left_ms")
    return ShardStatus(
        shard=str(shard),
        holder=checkpoint.get("holder"),
        is_led=checkpoint.get("is_led", False),
        lease_left_s=None if left_ms is None else left_ms / 1000,
        fence=checkpoint.get("fence"),
        lag_s=due.lag_s,
        token_age_s=None if age_ms is None else age_ms / 1000,
        oplog_left_s=None if token_s is None or first_s is None else float(token_s - first_s),
        pending=due.count,
        parked=await backlog.count(database, PARKED, shard=shard, collection=collection),
    )


async def _oplog(client: Client) -> tuple[int | None, int | None]:
    """When the oplog begins and ends, in seconds; None where we may not, or cannot, look."""
    entries = client["local"].get_collection("oplog.rs", read_concern=ReadConcern("local"))

    async def at(direction: int) -> int | None:
        entry = await entries.find_one(sort=[("$natural", direction)], projection=["ts"])
        return entry["ts"].time if entry and isinstance(entry.get("ts"), Timestamp) else None

    try:
        return await at(ASCENDING), await at(DESCENDING)
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        return None, None


def _token_time_s(token: Any) -> int | None:
    """The time that a resume token stands for; None where it is written otherwise."""
    data = token.get("_data") if isinstance(token, dict) else None
    found = _TOKEN_TIME.match(data) if isinstance(data, str) else None
    return None if found is None else int(found[1], 16)
