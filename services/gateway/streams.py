"""Views as they change, for clients that subscribe: one change stream serves any number of them.

A subscriber gets the view as it is, then each newer one. One that is slow misses steps, never the
last. The stream runs only while somebody listens.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pymongo
import structlog
from pymongo.errors import PyMongoError

from postbox.errors import TryAgain
from postbox.mongo import Database, Document, bounded, database_errors
from postbox.service import unavailable
from postbox.telemetry import untraced

log = structlog.get_logger()
SUBSCRIBERS_MAX = 1_000
AWAIT_MS = 250
ANSWER_LIMIT_S = 5.0
"""Past it the connection is taken for dead: subscribers are to come again, on a new stream."""
OPEN_TIMEOUT_S = 3.0
_PIPELINE: list[Document] = [
    {"$match": {"operationType": {"$in": ["insert", "replace"]}}},
    {"$project": {"fullDocument": 1}},
]


class Subscriber:
    """The newest view that a listener has not seen yet."""

    def __init__(self) -> None:
        self._newest: Document | None = None
        self._version = -1
        self._is_over = False
        self._changed = asyncio.Event()

    def offer(self, document: Document) -> None:
        if document["v"] > self._version:
            self._version = document["v"]
            self._newest = document
            self._changed.set()

    def saw(self, version: int) -> None:
        """The listener has this version already, from an earlier stream."""
        if version >= self._version:
            self._version = version
            self._newest = None
            self._changed.clear()

    def end(self) -> None:
        self._is_over = True
        self._changed.set()

    async def next(self) -> Document | None:
        """The next newer view; None when the stream has ended and the client has to come again."""
        await self._changed.wait()
        self._changed.clear()
        newest, self._newest = self._newest, None
        return None if self._is_over else newest


class Watch:
    """Fans the changes of the `views` collection out to subscribers by intent."""

    def __init__(self, database: Database, *, subscribers_max: int = SUBSCRIBERS_MAX) -> None:
        self._subscribers_max = subscribers_max
        self._views = database["views"]
        self._subscribers: dict[str, set[Subscriber]] = {}
        self._is_following = False
        self._is_open = asyncio.Event()
        self._streams: set[asyncio.Task[None]] = set()  # one is followed, others are being closed

    @asynccontextmanager
    async def subscribe(self, intent_id: str, *, seen: int = -1) -> AsyncIterator[Subscriber]:
        """Subscribe to one intent's view, from what it is now, unless that is version `seen`.

        Problem 503 at the bound.
        """
        if sum(map(len, self._subscribers.values())) >= self._subscribers_max:
            raise unavailable("Too many clients are listening")
        subscriber = Subscriber()
        self._subscribers.setdefault(intent_id, set()).add(subscriber)
        try:
            await self._opened()
            with bounded():
                current = await self._views.find_one({"_id": intent_id})
            if current is not None and current["v"] == seen:
                subscriber.saw(seen)
            elif current is not None:
                subscriber.offer(current)
            yield subscriber
        finally:
            self._subscribers[intent_id].discard(subscriber)
            if not self._subscribers[intent_id]:
                del self._subscribers[intent_id]

    async def _opened(self) -> None:
        """Returns once the stream runs. Problem 503 where it does not come to."""
        if not self._is_following:
            self._is_following = True
            stream = asyncio.create_task(self._follow())
            self._streams.add(stream)
            stream.add_done_callback(self._streams.discard)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._is_open.wait()
        except TimeoutError as error:
            raise unavailable("The database does not answer") from error

    def close(self) -> None:
        """End every subscription: the program stops, or the stream broke."""
        for subscribers in self._subscribers.values():
            for subscriber in subscribers:
                subscriber.end()

    async def _follow(self) -> None:
        with ExitStack() as ending:
            ending.callback(self._ended)
            try:
                with untraced(), database_errors():
                    watch = self._views.watch(_PIPELINE, max_await_time_ms=AWAIT_MS)
                    async with await watch as stream:
                        self._is_open.set()
                        while self._subscribers and stream.alive:
                            with pymongo.timeout(ANSWER_LIMIT_S):
                                change = await stream.try_next()
                            if change is not None:
                                self._tell(change["fullDocument"])
                        # Before the cursor is closed: whoever comes meanwhile needs another stream.
                        ending.close()
            except (TryAgain, PyMongoError) as error:
                log.warning("the stream of views ended", reason=str(error))

    def _ended(self) -> None:
        self._is_following = False
        self._is_open.clear()
        self.close()

    def _tell(self, document: Document) -> None:
        for subscriber in self._subscribers.get(document["_id"], ()):
            subscriber.offer(document)
