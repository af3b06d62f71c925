"""The pages of events: the search, one event, and the way from anything typed to its page."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from postbox.console.audit.log import AuditLog
from postbox.console.events import cursor
from postbox.console.events.document import containing, life, summary, whole
from postbox.console.events.listing import Listing, listed
from postbox.console.events.request import asked_for, criteria, is_trace
from postbox.console.masking import Masking
from postbox.console.pages import FRAGMENT_HEADER, Pages
from postbox.console.sources import Looked, Sources
from postbox.errors import DatabaseUnavailable
from postbox.mongo import Document
from postbox.operations import Criteria, Uptake, backlog, taken_up
from postbox.outbox import PARKED, PENDING, PUBLISHED, SCHEDULED
from postbox.service import Problem

STATES: Final = (PENDING, PUBLISHED, PARKED, SCHEDULED)


class Events:
    """Reads all sources; changes nothing. `audit` knows what was sent again from here."""

    def __init__(
        self, sources: Sources, audit: AuditLog | None, mask: Masking, pages: Pages
    ) -> None:
        self._sources = sources
        self._audit = audit
        self._mask = mask
        self._pages = pages

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/events", self._search),
            Route("/events/{source}/{id:path}", self._event),
            Route("/find", self._find),
        ]

    async def _search(self, request: Request) -> Response:
        asked = asked_for(request)
        source = asked.get("source")
        if source is not None and self._sources.named(source) is None:
            raise Problem(422, f"source: there is no {source}", field="source")
        listing = await listed(
            self._sources,
            criteria(asked),
            source=source,
            after=cursor.read(request.query_params.get("cursor")),
            keep=containing(asked["text"], self._mask) if "text" in asked else None,
        )
        document = {
            "asked": asked,
            "events": [summary(name, row) for name, row in listing.found],
            "next": _next(asked, listing),
            "looked_through": listing.looked_through,
            "problems": listing.problems,
            "reads_data": "text" in asked,
            "is_first": "cursor" not in request.query_params,
        }
        if FRAGMENT_HEADER in request.headers:
            return self._pages.answer(request, "_events.html", document)
        known = {"sources": self._sources.names, "states": STATES}
        return self._pages.answer(request, "events.html", {**document, **known})

    async def _event(self, request: Request) -> Response:
        source, id_ = request.path_params["source"], request.path_params["id"]
        looked = self._sources.named(source)
        rows = {} if looked is None else (await self._rows(id_, looked))
        if source not in rows:
            raise Problem(404, "There is no such event", detail=f"{source} has no row {id_}")
        takers, problems = await self._takers(id_)
        event = whole(source, rows[source], self._mask)
        document = {
            "event": event,
            "taken_up": takers,
            "life": life(event, takers),
            "problems": problems,
            "sent_again": await self._sent_again(id_),
            "can_act": self._audit is not None and bool(request.state.identity.may_act),
        }
        return self._pages.answer(request, "event.html", document)

    async def _find(self, request: Request) -> Response:
        text = request.query_params.get("q", "").strip()
        if not text:
            return RedirectResponse("/events", 303)
        if is_trace(text.lower()):
            return RedirectResponse(f"/flow?trace={text.lower()}", 303)
        rows = await self._rows(text)
        for source in rows:
            return RedirectResponse(f"/events/{quote(source, safe='')}/{quote(text)}", 303)
        wanted = Criteria(subject=text)
        listing = await listed(self._sources, wanted, most=1)
        if listing.found:
            return RedirectResponse(f"/flow?{urlencode({'subject': text})}", 303)
        return RedirectResponse(f"/events?{urlencode({'subject': text})}", 303)

    async def _sent_again(self, id_: str) -> int:
        """How often; none where the audit does not answer: that keeps nobody from looking."""
        if self._audit is not None:
            with suppress(DatabaseUnavailable):
                return (await self._audit.sent_again([id_]))[id_]
        return 0

    async def _rows(self, id_: str, *among: Looked) -> dict[str, Document]:
        async def row_in(one: Looked) -> Document | None:
            return await backlog.find(one.database, id_, collection=one.collection)

        found, _ = await self._sources.ask(row_in, among=among or None)
        return {name: row for name, row in found.items() if row is not None}

    async def _takers(self, id_: str) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
        async def takers_in(one: Looked) -> list[Uptake]:
            return await taken_up(one.database, [id_])

        found, problems = await self._sources.ask(takers_in)
        takers = [
            {"outbox": name, "consumer": one.consumer, "at": one.at}
            for name, taken in found.items()
            for one in taken
        ]
        return sorted(takers, key=lambda one: str(one["at"])), problems


def _next(asked: Mapping[str, str], listing: Listing) -> str | None:
    if listing.after is None:
        return None
    return f"/events?{urlencode({**asked, 'cursor': cursor.written(listing.after)})}"
