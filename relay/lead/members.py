"""The relays that share a source's shards: who is alive, and how many shards are whose.

`relay_members` holds `{_id: <holder>, shards, since, until}`, a document for each relay that is
alive, by the database's clock. It only says how the work is to be divided: that a shard has one
leader is the lease's doing, so relays that see each other late disagree for a moment, harmlessly.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import pymongo
import structlog
from pymongo import IndexModel
from pymongo.errors import PyMongoError

from postbox.mongo import Database, ensure_indexes
from relay.lead.quota import LeaderQuota

COLLECTION: Final = "relay_members"
MEMBERS_MAX: Final = 256
LOOK_EVERY_S: Final = 0.25
ATTENDS_PER_LEASE: Final = 3
QUESTION_TIMEOUT_S: Final = 3.0
LEAVE_TIMEOUT_S: Final = 1.0
EXPIRY: Final = timedelta(minutes=10)
"""When the documents of relays that died are deleted; they stop counting long before."""


class Members:
    """The members as the relay `holder` sees them; all who divide by `shards`."""

    def __init__(self, database: Database, *, holder: str, shards: int, lease_s: float) -> None:
        self._rows = database[COLLECTION]
        self._holder = holder
        self._shards = shards
        self._lease_s = lease_s

    async def prepare(self) -> None:
        expiry_s = int(EXPIRY.total_seconds())
        await ensure_indexes(
            self._rows, [IndexModel("until", name="until_1", expireAfterSeconds=expiry_s)]
        )

    async def attend(self) -> None:
        """Be alive for another lease."""
        until = {"$add": ["$$NOW", int(self._lease_s * 1000)]}
        since = {"$ifNull": ["$since", "$$NOW"]}
        await self._rows.update_one(
            {"_id": self._holder},
            [{"$set": {"shards": self._shards, "since": since, "until": until}}],
            upsert=True,
        )

    async def alive(self) -> list[str]:
        """The holders, in the order in which they came."""
        cursor = await self._rows.aggregate(
            [
                {"$match": {"shards": self._shards, "$expr": {"$gt": ["$until", "$$NOW"]}}},
                {"$sort": {"since": pymongo.ASCENDING, "_id": pymongo.ASCENDING}},
                {"$limit": MEMBERS_MAX},
                {"$project": {"_id": 1}},
            ]
        )
        return [row["_id"] async for row in cursor]

    async def leave(self) -> None:
        """Count no more, so that the others take over at once."""
        await self._rows.delete_one({"_id": self._holder})


def fair_share(alive: Sequence[str], holder: str, shards: int) -> int:
    """How many shards are the holder's; those who came first have one more where it does not even.

    Whoever comes later changes nothing in the order of the others, so few shards change hands.
    """
    if holder not in alive:
        return 0
    each, left = divmod(shards, len(alive))
    return each + (alive.index(holder) < left)


class Sharing:
    """Keeps the quota of one relay at its fair share."""

    def __init__(
        self,
        source: str,
        database: Database,
        quota: LeaderQuota,
        *,
        holder: str,
        shards: int,
        lease_s: float,
    ) -> None:
        self._members = Members(database, holder=holder, shards=shards, lease_s=lease_s)
        self._quota = quota
        self._holder = holder
        self._shards = shards
        self._attend_every_s = lease_s / ATTENDS_PER_LEASE
        self._seen: tuple[int, int] | None = None
        self._log = structlog.get_logger("relay").bind(source=source)

    async def keep(self) -> None:
        """Attend and look, forever. While the database is unavailable, nothing changes."""
        attend_due_s = 0.0
        is_prepared = False
        while True:
            try:
                with pymongo.timeout(QUESTION_TIMEOUT_S):
                    if not is_prepared:
                        await self._members.prepare()
                        is_prepared = True
                    if time.monotonic() >= attend_due_s:
                        attend_due_s = time.monotonic() + self._attend_every_s
                        await self._members.attend()
                    self._divide(await self._members.alive())
            except PyMongoError as error:
                self._log.warning("who is alive is not known", reason=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def leave(self) -> None:
        """Say that we are gone. Where that fails, the others see it a lease later."""
        with suppress(PyMongoError), pymongo.timeout(LEAVE_TIMEOUT_S):
            await self._members.leave()

    def _divide(self, alive: Sequence[str]) -> None:
        share = fair_share(alive, self._holder, self._shards)
        self._quota.allow(share)
        if self._seen != (len(alive), share):
            self._seen = len(alive), share
            self._log.info("the shards are shared", relays=len(alive), mine=share, of=self._shards)
