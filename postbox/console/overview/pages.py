"""The first page, and the stream that keeps it up to date."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.console.overview.advice import ADVICE
from postbox.console.overview.troubles import document
from postbox.console.overview.watch import Watch
from postbox.console.pages import Pages
from postbox.service import unavailable

LISTENERS_MAX: Final = 200
RETRY_MS: Final = 2_000


class Overview:
    """`stop` ends the streams, which no browser would."""

    def __init__(self, watch: Watch, pages: Pages, stop: asyncio.Event) -> None:
        self._watch = watch
        self._pages = pages
        self._stop = stop
        self._listeners = 0

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/", self._page),
            Route("/live", self._live),
            Route("/help", self._help),
        ]

    async def _page(self, request: Request) -> Response:
        snapshot = await self._watch.now()
        return self._pages.answer(request, "overview.html", document(snapshot))

    async def _help(self, request: Request) -> Response:
        advice = [
            {"kind": kind, "title": one.title, "means": one.means, "do": one.do}
            for kind, one in ADVICE.items()
        ]
        return self._pages.answer(request, "help.html", {"advice": advice})

    async def _live(self, request: Request) -> Response:
        if self._listeners >= LISTENERS_MAX:
            raise unavailable("Too many browsers are watching")
        return EventSourceResponse(self._events(request), ping=15)

    async def _events(self, request: Request) -> AsyncIterator[ServerSentEvent]:
        self._listeners += 1
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            with self._watch.watching():
                snapshot = await self._watch.now()
                while not self._stop.is_set():
                    html = self._pages.html(request, "_overview.html", document(snapshot))
                    yield ServerSentEvent(html, event="overview", retry=RETRY_MS)
                    after = asyncio.ensure_future(self._watch.after(snapshot))
                    try:
                        await asyncio.wait((after, stopped), return_when=asyncio.FIRST_COMPLETED)
                        if not after.done():
                            return
                        snapshot = after.result()
                    finally:  # the browser may have gone meanwhile
                        after.cancel()
        finally:
            stopped.cancel()
            self._listeners -= 1
