"""Which consumers have applied an event, and when: from the inbox beside an outbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymongo import ASCENDING

from postbox.mongo import Database, database_errors
from postbox.outbox import LENIENT

INBOX: Final = "inbox"
CONSUMERS_MAX: Final = 100
EVENTS_MAX: Final = 1_000
_AFTER_SLASH: Final = "0"
"""The character that follows `/`, which ends a consumer's name in the id of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptake:
    """One consumer applied one event: its transaction wrote this down at `at`."""

    event_id: str
    consumer: str
    at: datetime


async def consumers(database: Database) -> list[str]:
    """The consumers that keep their inbox here. One look at the index for each of them."""
    names: list[str] = []
    rows, above = database[INBOX], ""
    with database_errors():
        while len(names) < CONSUMERS_MAX:
            row = await rows.find_one(
                {"_id": {"$gt": above}}, projection=["_id"], sort=[("_id", ASCENDING)]
            )
            if row is None:
                return names
            name, slash, _ = row["_id"].rpartition("/")
            if slash:
                names.append(name)
            above = f"{name}{_AFTER_SLASH}" if slash else row["_id"]
    return names


async def taken_up(database: Database, event_ids: Sequence[str]) -> list[Uptake]:
    """Who took up which of these events, of which there may be 1,000."""
    keys = {
        f"{consumer}/{id}": (consumer, id)
        for consumer in await consumers(database)
        for id in event_ids[:EVENTS_MAX]
    }
    if not keys:
        return []
    rows = database.get_collection(INBOX, codec_options=LENIENT)
    with database_errors():
        found = await rows.find({"_id": {"$in": list(keys)}}).to_list()
    return [
        Uptake(event_id=keys[row["_id"]][1], consumer=keys[row["_id"]][0], at=row["at"])
        for row in found
        if isinstance(row.get("at"), datetime)
    ]
