"""Who may relay a shard, and how far it is published: one document, by the database's clock.

`relay_checkpoint` holds `{_id: "<shard>/<shards>", holder, fence, until, token, at}`. It is changed
only by conditional updates of that single document, so a relay that was frozen past its lease finds
its fence outdated, and can neither renew nor move the token. An outbox in another collection than
`outbox` has a collection of checkpoints of its own, `relay_checkpoint.<collection>`.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import pymongo
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from postbox.mongo import Database, is_unavailable
from postbox.outbox import CHECKPOINTS, Shard
from relay.errors import LeaseLost

RENEWALS_PER_LEASE: Final = 3
SAFETY_S: Final = 0.5
"""A holder stops publishing so long before its lease expires."""

Token = Mapping[str, Any]


class Term:
    """One holding of the lease: its fence, and the token as it was when the lease was taken."""

    def __init__(
        self, checkpoint: "Checkpoint", *, fence: int, token: object, until_s: float
    ) -> None:
        self._checkpoint = checkpoint
        self._until_s = until_s
        self.fence = fence
        # An empty token would be read as none at all, and the stream would start at now.
        self.token: Token | None = token if isinstance(token, dict) and token else None

    @property
    def is_held(self) -> bool:
        """Whether the lease is certainly still ours. SIGSTOP does not stop this clock."""
        return time.monotonic() < self._until_s

    async def renew(self) -> None:
        """Extend the lease once. LeaseLost if it expired or another relay took it."""
        checkpoint = self._checkpoint
        sent_at_s = time.monotonic()
        with pymongo.timeout(checkpoint.lease_s / RENEWALS_PER_LEASE):
            result = await checkpoint.rows.update_one(
                {
                    "_id": checkpoint.key,
                    "holder": checkpoint.holder,
                    "fence": self.fence,
                    "$expr": {"$gt": ["$until", "$$NOW"]},
                },
                [{"$set": {"until": checkpoint.expiry}}],
            )
        if not result.matched_count:
            raise LeaseLost("the lease ran out")
        self._until_s = checkpoint.local_expiry_s(sent_at_s)

    async def save(self, token: Token) -> None:
        """Move the token. LeaseLost where the fence is no longer ours."""
        result = await self._checkpoint.rows.update_one(
            {"_id": self._checkpoint.key, "fence": self.fence},
            [{"$set": {"token": {"$literal": token}, "at": "$$NOW"}}],
        )
        if not result.matched_count:
            raise LeaseLost("the token is fenced off")

    async def release(self) -> None:
        """Let another relay take over at once; a lease that is no longer ours is left alone."""
        self._until_s = 0.0
        await self._checkpoint.rows.update_one(
            {"_id": self._checkpoint.key, "fence": self.fence}, [{"$set": {"until": "$$NOW"}}]
        )


class Checkpoint:
    """The checkpoint of one shard, as the relay `holder` sees it; `holder` names one process."""

    def __init__(
        self,
        database: Database,
        shard: Shard,
        *,
        holder: str,
        lease_s: float,
        collection: str = CHECKPOINTS,
    ) -> None:
        self.rows = database[collection]
        self.key = str(shard)
        self._count = shard.count
        self.holder = holder
        self.lease_s = lease_s

    @property
    def expiry(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", int(self.lease_s * 1000)]}

    def local_expiry_s(self, sent_at_s: float) -> float:
        return sent_at_s + self.lease_s - SAFETY_S

    async def take(self) -> Term | None:
        """Take the lease where it is free or ours already; its new fence guards the token read."""
        free = {
            "$or": [
                {"$lte": [{"$ifNull": ["$until", None]}, "$$NOW"]},
                {"$eq": ["$holder", self.holder]},
            ]
        }
        next_fence = {"$add": [{"$ifNull": ["$fence", 0]}, 1]}
        sent_at_s = time.monotonic()
        try:
            row = await self.rows.find_one_and_update(
                {"_id": self.key},
                [
                    {
                        "$set": {
                            "holder": {"$cond": [free, self.holder, "$holder"]},
                            "fence": {"$cond": [free, next_fence, "$fence"]},
                            "until": {"$cond": [free, self.expiry, "$until"]},
                        }
                    }
                ],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return None  # another relay inserted the document at the same moment
        if row is None or row["holder"] != self.holder:
            return None
        return Term(
            self,
            fence=row["fence"],
            token=row.get("token"),
            until_s=self.local_expiry_s(sent_at_s),
        )

    async def other_shard_count(self) -> int | None:
        """The number of shards of relays that divide the source differently; None without any.

        Two numbers at once would publish everything twice, and in no order.
        """
        mine = {"_id": {"$not": {"$regex": f"/{self._count}$"}}}
        live = {"$expr": {"$gt": ["$until", "$$NOW"]}}
        row = await self.rows.find_one({**mine, **live}, {"_id": 1})
        return None if row is None else int(row["_id"].partition("/")[2])

    async def token_age_s(self) -> float | None:
        """How long ago the token was saved, in seconds by the database's clock."""
        cursor = await self.rows.aggregate(
            [
                {"$match": {"_id": self.key, "at": {"$type": "date"}}},
                {"$project": {"age": {"$subtract": ["$$NOW", "$at"]}}},
            ]
        )
        return next((row["age"] / 1000 for row in await cursor.to_list()), None)


async def keep_renewed(term: Term, lease_s: float) -> None:
    """Renew every third of the lease, forever. LeaseLost where that fails for too long."""
    while True:
        await asyncio.sleep(lease_s / RENEWALS_PER_LEASE)
        try:
            await term.renew()
        except PyMongoError as error:
            if not is_unavailable(error):
                raise
            if not term.is_held:
                raise LeaseLost("the lease could not be renewed") from error
