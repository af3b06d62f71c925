"""The status of a source: who relays each shard, its progress, what is pending. It only reads.

Leases and ages are judged by the database's clock, as the relays themselves judge them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.timestamp import Timestamp
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from postbox.mongo import Client, Database, Document, database_errors
from postbox.operations import backlog
from postbox.outbox import PARKED, PENDING, Shard

CHECKPOINTS: Final = "relay_checkpoint"
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
    fence: int | None
    lag_s: float
    """The age of the oldest pending row; 0 when none is pending."""
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


async def standing(database: Database) -> SourceStatus:
    """Look at one source's database. DatabaseUnavailable where it is unavailable."""
    with database_errors():
        first_s, last_s = await _oplog(database.client)
        checkpoints = await _checkpoints(database)
        shards = [
            await _stands(database, shard, checkpoints.get(str(shard), {}), first_s)
            for shard in _current(checkpoints)
        ]
    window_s = None if first_s is None or last_s is None else float(last_s - first_s)
    return SourceStatus(oplog_window_s=window_s, shards=shards)


async def _checkpoints(database: Database) -> dict[str, Document]:
    """The checkpoints by shard, each with what the database's clock makes of it."""
    cursor = await database[CHECKPOINTS].aggregate(
        [
            {"$match": {"_id": {"$regex": _IS_SHARD}}},
            {"$limit": SHARDS_MAX},
            {
                "$set": {
                    "is_led": {"$gt": ["$until", "$$NOW"]},
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
    database: Database, shard: Shard, checkpoint: Document, first_s: int | None
) -> ShardStatus:
    token_s = _token_time_s(checkpoint.get("token"))
    age_ms = checkpoint.get("token_age_ms")
    return ShardStatus(
        shard=str(shard),
        holder=checkpoint.get("holder"),
        is_led=checkpoint.get("is_led", False),
        fence=checkpoint.get("fence"),
        lag_s=await backlog.lag_s(database, shard=shard),
        token_age_s=None if age_ms is None else age_ms / 1000,
        oplog_left_s=None if token_s is None or first_s is None else float(token_s - first_s),
        pending=await backlog.count(database, PENDING, shard=shard),
        parked=await backlog.count(database, PARKED, shard=shard),
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
