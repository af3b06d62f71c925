"""An event that was published, published again: for a consumer that has lost what it did."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from postbox.console.audit.log import AuditLog
from postbox.console.pages import Pages
from postbox.console.security.access import acting
from postbox.console.security.sessions import Sessions
from postbox.console.set_aside.places import Places
from postbox.console.sources import Looked, Sources, ask_one
from postbox.errors import PostboxError
from postbox.mongo import Document
from postbox.operations import backlog, replay
from postbox.outbox import PUBLISHED
from postbox.service import Problem

LIMIT_S: Final = 15.0


class SendAgain:
    """`audit` is None where the console has no database of its own: then nobody sends any."""

    def __init__(
        self,
        sources: Sources,
        places: Places,
        audit: AuditLog | None,
        sessions: Sessions,
        pages: Pages,
    ) -> None:
        self._sources = sources
        self._audit = audit
        self._uri = places.uri
        self._exchange = places.exchange
        self._queues = places.consumers
        self._sessions = sessions
        self._pages = pages

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/resend", self._ask, methods=["GET"]),
            Route("/resend", self._send, methods=["POST"]),
        ]

    async def _ask(self, request: Request) -> Response:
        query = request.query_params
        source, row = await self._found(query.get("source", ""), query.get("id", ""))
        document = {
            "source": source.name,
            "id": query["id"],
            "type": row.get("type"),
            "exchange": self._exchange,
            "queues": self._queues,
        }
        return self._pages.answer(request, "resend.html", document)

    async def _send(self, request: Request) -> Response:
        identity, form = await acting(request, self._sessions)
        if self._audit is None:
            raise Problem(403, "There is no audit, and without it nothing is done: set MONGO_URI")
        id_, queue = str(form.get("id", "")), str(form.get("queue", "")) or None
        if queue is not None and queue not in self._queues:
            raise Problem(422, f"queue: there is no {queue}", field="queue")
        source, row = await self._found(str(form.get("source", "")), id_)
        to = f"exchange {self._exchange}" if queue is None else f"queue {queue}"
        places = {source.name: [id_]}
        entry = await self._audit.begin(by=identity.name, action="resend", places=places, to=to)
        problem = await self._problem(source, row, queue)
        state, done = ("done", [id_]) if problem is None else ("failed", [])
        await self._audit.end(entry, state=state, done=[done], problem=problem)
        return RedirectResponse(f"/audit/{entry}", 303)

    async def _problem(self, source: Looked, row: Document, queue: str | None) -> str | None:
        """Sends it; what went wrong, if anything did."""
        try:
            async with asyncio.timeout(LIMIT_S):
                await replay.send_again(
                    source.source, row, self._uri, exchange=self._exchange, queue=queue
                )
        except (PostboxError, TimeoutError) as error:
            return str(error) or f"no answer within {LIMIT_S:.0f} s"
        return None

    async def _found(self, name: str, id_: str) -> tuple[Looked, Document]:
        source = self._sources.named(name)
        if source is None:
            raise Problem(422, f"source: there is no {name}", field="source")
        database, collection = source.database, source.collection
        row = await ask_one(lambda: backlog.find(database, id_, collection=collection))
        if row is None or row.get("state") != PUBLISHED:
            raise Problem(409, "Only what was published can be published again")
        return source, row
