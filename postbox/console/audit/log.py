"""The audit's collection. An entry that stays `running` is of a console that ended meanwhile."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import DESCENDING, IndexModel

from postbox.events import new_id
from postbox.mongo import Database, Document, bounded, ensure_indexes

COLLECTION: Final = "console_audit"
RUNNING: Final = "running"
AGAIN: Final = ("redrive", "send", "resend")
"""The actions that send a message again."""
PAGE: Final = 50


class AuditLog:
    """In the console's own database. Entries are kept for good. DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._entries = database[COLLECTION]
        self._is_prepared = False

    async def begin(
        self, *, by: str, action: str, places: Mapping[str, Sequence[str]], to: str | None
    ) -> str:
        """Write down what is about to be done; returns the entry's id."""
        entry = {
            "_id": new_id(),
            "at": datetime.now(UTC),
            "by": by,
            "action": action,
            "to": to,
            "places": [
                {"place": place, "ids": list(ids), "done": []} for place, ids in places.items()
            ],
            "total": sum(map(len, places.values())),
            "state": RUNNING,
        }
        with bounded():
            await self._prepare()
            await self._entries.insert_one(entry)
        return str(entry["_id"])

    async def end(
        self, id_: str, *, state: str, done: Sequence[Sequence[str]], problem: str | None
    ) -> None:
        """Write down what came of it: for each place, in their order, the ids that are done."""
        result: dict[str, object] = {"state": state, "problem": problem}
        for number, ids in enumerate(done):
            result[f"places.{number}.done"] = list(ids)
        with bounded():
            await self._entries.update_one(
                {"_id": id_}, {"$set": {**result, "ended_at": datetime.now(UTC)}}
            )

    async def find(self, id_: str) -> Document | None:
        with bounded():
            return await self._entries.find_one({"_id": id_})

    async def search(self, wanted: Mapping[str, Any], *, before: str | None) -> list[Document]:
        """Up to 51 entries, newest first, without their lists of ids."""
        after = {} if before is None else {"_id": {"$lt": before}}
        with bounded():
            return await self._entries.find(
                {"$and": [dict(wanted), after]},
                projection={"places.ids": 0, "places.done": 0},
                sort=[("_id", DESCENDING)],
                limit=PAGE + 1,
            ).to_list()

    async def sent_again(self, ids: Sequence[str]) -> Counter[str]:
        """How often each of `ids` was sent again from here."""
        wanted = {"action": {"$in": AGAIN}, "places.done": {"$in": list(ids)}}
        with bounded():
            cursor = await self._entries.aggregate(
                [
                    {"$match": wanted},
                    {"$unwind": "$places"},
                    {"$project": {"done": {"$setIntersection": ["$places.done", list(ids)]}}},
                    {"$unwind": "$done"},
                    {"$group": {"_id": "$done", "times": {"$sum": 1}}},
                ]
            )
            return Counter({row["_id"]: row["times"] async for row in cursor})

    async def _prepare(self) -> None:
        if not self._is_prepared:
            await ensure_indexes(self._entries, [IndexModel("places.done", name="sent_again")])
            self._is_prepared = True
