"""Which bookings are confirmed in the gateway's read model: one change stream for all of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from postbox.mongo import Database, Document

AWAIT_MS: Final = 250
_CONFIRMED: Final[list[Document]] = [
    {
        "$match": {
            "operationType": {"$in": ["insert", "replace"]},
            "fullDocument.status": "confirmed",
        }
    },
    {"$project": {"documentKey": 1}},
]


@asynccontextmanager
async def watched(gateway: Database, confirmed: Callable[[str], None]) -> AsyncIterator[None]:
    """Call `confirmed(intent id)` for each view that is written as confirmed, maybe repeatedly."""
    stream = await gateway["views"].watch(_CONFIRMED, max_await_time_ms=AWAIT_MS)

    async def follow() -> None:
        while True:
            change = await stream.try_next()
            if change is not None:
                confirmed(change["documentKey"]["_id"])

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        following.cancel()
        await asyncio.wait([following])
        await stream.close()
