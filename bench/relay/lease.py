"""The lease on the bench's outbox, held by the bench: meanwhile the relay stands by."""

from datetime import UTC, datetime
from typing import Final

from postbox.mongo import Database

KEY: Final = "0/1"
"""Of the only shard."""
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
LONG_HENCE: Final = datetime(2970, 1, 1, tzinfo=UTC)


class Lease:
    """Holds the lease, so that the relay stands by; the token stays as it is."""

    def __init__(self, database: Database) -> None:
        self._leases = database["relay_checkpoint"]

    async def take(self) -> None:
        """No relay may have it at this moment."""
        await self._leases.update_one(
            {"_id": KEY}, {"$set": {"holder": "bench", "until": LONG_HENCE}}, upsert=True
        )

    async def free(self) -> None:
        """The relay takes it when it looks the next time."""
        await self._leases.update_one({"_id": KEY}, {"$set": {"until": LONG_AGO}})
