"""Shares a source's shards evenly among the relays that are alive.

`relay_members` holds `{_id: <holder>, shards, since, until}`, a document for each relay that is
alive, by the database's clock. It only says how many shards each relay should lead. The lease alone
decides who leads one, so relays whose views of the members differ for a moment do no harm.
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
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from postbox.mongo import Document, ensure_indexes, reason
from relay.context import SourceContext
from relay.lead.quota import LeaderQuota

COLLECTION: Final = "relay_members"
MEMBERS_MAX: Final = 256
POLL_EVERY_S: Final = 0.25
HEARTBEATS_PER_LEASE: Final = 3
QUERY_TIMEOUT_S: Final = 3.0
LEAVE_TIMEOUT_S: Final = 1.0
EXPIRY: Final = timedelta(minutes=10)
"""After `until`, when a dead relay's document is deleted. It counts no more from `until` on."""


class Members:
    """The relays that divide the source into `shards`, as the relay `holder` sees them."""

    def __init__(
        self, rows: AsyncCollection[Document], *, holder: str, shards: int, lease_s: float
    ) -> None:
        self._rows = rows
        self._holder = holder
        self._shards = shards
        self._lease_s = lease_s

    async def prepare(self) -> None:
        expiry_s = int(EXPIRY.total_seconds())
        await ensure_indexes(
            self._rows, [IndexModel("until", name="until_1", expireAfterSeconds=expiry_s)]
        )

    async def heartbeat(self) -> None:
        """Count as alive for another lease."""
        until = {"$add": ["$$NOW", int(self._lease_s * 1000)]}
        since = {"$ifNull": ["$since", "$$NOW"]}
        await self._rows.update_one(
            {"_id": self._holder},
            [{"$set": {"shards": self._shards, "since": since, "until": until}}],
            upsert=True,
        )

    async def alive(self) -> list[str]:
        """The holders, in the order in which they joined."""
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
        """Stop counting as alive, so that the others take over at once."""
        await self._rows.delete_one({"_id": self._holder})


def fair_share(alive: Sequence[str], holder: str, shards: int) -> int:
    """How many shards the holder should lead. A remainder goes to those who joined first.

    A relay that joins later does not change the order of the others, so few shards change hands.
    """
    if holder not in alive:
        return 0
    each, remainder = divmod(shards, len(alive))
    return each + (alive.index(holder) < remainder)


class Rebalancer:
    """Keeps the quota of one relay at its fair share."""

    def __init__(self, context: SourceContext, quota: LeaderQuota, *, shards: int) -> None:
        lease_s = context.options.lease_s
        self._holder = context.holder
        self._shards = shards
        self._members = Members(
            context.database[context.source.beside(COLLECTION)],
            holder=self._holder,
            shards=shards,
            lease_s=lease_s,
        )
        self._quota = quota
        self._heartbeat_every_s = lease_s / HEARTBEATS_PER_LEASE
        self._logged: tuple[int, int] | None = None
        self._log = structlog.get_logger("relay").bind(source=context.source.name)

    async def run(self) -> None:
        """Send heartbeats and rebalance, forever. An unavailable database changes no share."""
        heartbeat_due_s = 0.0
        is_prepared = False
        while True:
            try:
                with pymongo.timeout(QUERY_TIMEOUT_S):
                    if not is_prepared:
                        await self._members.prepare()
                        is_prepared = True
                    if time.monotonic() >= heartbeat_due_s:
                        heartbeat_due_s = time.monotonic() + self._heartbeat_every_s
                        await self._members.heartbeat()
                    self._rebalance(await self._members.alive())
            except PyMongoError as error:
                self._log.warning(
                    "the relays that are alive could not be read", reason=reason(error)
                )
            await asyncio.sleep(POLL_EVERY_S)

    async def leave(self) -> None:
        """Leave the members. Where that fails, the others notice a lease later."""
        with suppress(PyMongoError), pymongo.timeout(LEAVE_TIMEOUT_S):
            await self._members.leave()

    def _rebalance(self, alive: Sequence[str]) -> None:
        share = fair_share(alive, self._holder, self._shards)
        self._quota.allow(share)
        if self._logged != (len(alive), share):
            self._logged = len(alive), share
            self._log.info("the shards are shared", relays=len(alive), mine=share, of=self._shards)
