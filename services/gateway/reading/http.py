"""The reading half of the gateway's HTTP API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from time import time

import orjson
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from postbox.mongo import Document, bounded
from postbox.service import Service, reply, traced
from services.gateway.access.caller import Access, Caller, counted_as
from services.gateway.access.streams import Streams
from services.gateway.problems import NO_SUCH_BOOKING
from services.gateway.reading.lists import Lists
from services.gateway.reading.queries import BookingsQuery, SlotsQuery, asked, resource_of
from services.gateway.requests import intent_id_of, parse
from services.gateway.rules.view import View
from services.gateway.streams import Subscriber, Watch

LISTEN_MAX_S = 900.0
PING_S = 15
VERSION_MAX_DIGITS = 15
_OURS_ALONE = {"Cache-Control": "private, no-cache"}


class ReadingApi:
    """The routes, over the read model and one watch of it."""

    def __init__(self, service: Service, watch: Watch, access: Access, streams: Streams) -> None:
        self._service = service
        self._views = service.database["views"]
        self._lists = Lists(service.database)
        self._watch = watch
        self._access = access
        self._streams = streams

    @property
    def routes(self) -> list[Route]:
        endpoints = {
            "/booking/{intentId}": self.show,
            "/bookings": self.bookings,
            "/resources/{resourceId:path}/slots": self.slots,
        }
        return [
            Route("/booking/{intentId}/events", self.events, methods=["GET"]),
            *(
                Route(path, traced(f"GET {path.replace(':path', '')}", endpoint), methods=["GET"])
                for path, endpoint in endpoints.items()
            ),
        ]

    async def show(self, request: Request) -> Response:
        caller = await self._access.caller(request)
        document = await self._view(intent_id_of(request), caller)
        tag = f'W/"{document["v"]}"'
        headers = {"ETag": tag, **_OURS_ALONE}
        if _has(request.headers.getlist("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return reply(View.from_document(document).to_json(), headers=headers)

    async def events(self, request: Request) -> Response:
        caller = await self._access.caller(request)
        intent_id = intent_id_of(request)
        await self._view(intent_id, caller)
        seen = _version(request.headers.get("last-event-id"))
        place = self._streams.opened(counted_as(caller, request))
        limit_s = min(LISTEN_MAX_S, max(0.0, caller.until - time()))
        return _Followed(place, self._watch.subscribe(intent_id, seen=seen), limit_s)

    async def bookings(self, request: Request) -> Response:
        caller = await self._access.caller(request)
        query = parse(BookingsQuery, asked(request))
        page = await self._lists.bookings(query, caller.user(query.user_id, field="userId"))
        return reply(page.to_json(), headers=_OURS_ALONE)

    async def slots(self, request: Request) -> Response:
        await self._access.caller(request)
        resource_id, query = resource_of(request), parse(SlotsQuery, asked(request))
        taken = await self._lists.taken(resource_id, query, self._service.clock.now())
        return reply(taken, headers=_OURS_ALONE)

    async def _view(self, intent_id: str, caller: Caller) -> Document:
        """One intent's view; Problem 404 where there is none that the caller may see."""
        with bounded():
            document = await self._views.find_one({"_id": intent_id})
        if document is None or not caller.may_see(document.get("user_id")):
            raise NO_SUCH_BOOKING.problem(field="intentId")
        return document


class _Followed(Response):
    """One booking's view each time that it changes, for no longer than the caller's token is good.

    It subscribes before the headers are out, so that a refusal is an answer of its own.
    """

    def __init__(
        self,
        place: AbstractContextManager[None],
        subscription: AbstractAsyncContextManager[Subscriber],
        limit_s: float,
    ) -> None:
        super().__init__()
        self._limit_s = limit_s
        self._place = place
        self._subscription = subscription

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            async with self._subscription as subscriber:
                stream = EventSourceResponse(
                    _messages(subscriber, self._limit_s),
                    ping=PING_S,
                    headers={"Cache-Control": "no-store"},
                )
                await stream(scope, receive, send)


async def _messages(subscriber: Subscriber, limit_s: float) -> AsyncIterator[dict[str, str]]:
    try:
        async with asyncio.timeout(limit_s):
            while (document := await subscriber.next()) is not None:
                view = View.from_document(document).to_json()
                data = orjson.dumps(view).decode()
                yield {"event": "booking", "id": str(document["v"]), "data": data}
    except TimeoutError:
        return  # a client that is still there, and has a good token, comes again by itself


def _has(given: list[str], tag: str) -> bool:
    """Whether a client's If-None-Match (RFC 9110) names `tag`; strong or weak is all the same."""
    known = {one.strip().removeprefix("W/") for line in given for one in line.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


def _version(last_event_id: str | None) -> int:
    """The version of the view that the client saw last; what is no id of ours is as none."""
    given = last_event_id or ""
    is_ours = given.isascii() and given.isdigit() and len(given) <= VERSION_MAX_DIGITS
    return int(given) if is_ours else -1
