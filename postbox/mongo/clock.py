"""The database's clock, as a service may use it: one clock for all, whatever the hosts' own say.

What must be exact (deadlines, leases) is judged by the server itself with `$$NOW`. Times that are
only recorded are read from here: the server's time at the last reading plus what has passed since.
"""

import time
from datetime import UTC, datetime, timedelta

import pymongo
from bson.codec_options import CodecOptions
from pymongo.errors import PyMongoError

from postbox.mongo.calls import answer
from postbox.mongo.connection import Client, Document
from postbox.mongo.errors import is_unavailable, reason

PING_TIMEOUT_S = 2.0
ZONED: CodecOptions[Document] = CodecOptions(tz_aware=True)
"""A reply is read with its zone: without one, Python takes its times for local ones."""


class DatabaseClock:
    """Estimates the server's time, to within half a round trip. Call `sync` now and then."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._offset_s = 0.0

    async def sync(self) -> None:
        """Read the server's clock once. Raises PyMongoError where the server is unavailable."""
        before = time.monotonic()
        reply = await answer(self._client.admin.command("hello", codec_options=ZONED))
        after = time.monotonic()
        self._offset_s = reply["localTime"].timestamp() - (before + after) / 2

    async def ensure_synced(self) -> None:
        """Read the server's clock unless it was read before. Raises as `sync` does."""
        if not self._offset_s:
            await self.sync()

    async def problem(self) -> str | None:
        """Why the primary does not answer; None where it does. Reads its clock on the way."""
        try:
            with pymongo.timeout(PING_TIMEOUT_S):
                await self.sync()
        except PyMongoError as error:
            if is_unavailable(error):
                return reason(error)
            raise
        return None

    async def answers(self) -> bool:
        """Whether the primary answers now; reads its clock on the way."""
        return await self.problem() is None

    def now(self) -> datetime:
        """The server's time in UTC, in whole milliseconds as BSON keeps them."""
        if not self._offset_s:
            return _milliseconds(datetime.now(UTC))
        return _milliseconds(datetime.fromtimestamp(time.monotonic() + self._offset_s, UTC))


def _milliseconds(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=moment.microsecond % 1000)
