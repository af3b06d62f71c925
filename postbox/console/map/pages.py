"""The page of the map, and a binding that is made again from it."""

import asyncio
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from postbox.console.audit.log import AuditLog
from postbox.console.map.graph import Graph, graph
from postbox.console.map.layout import SIZES, drawn
from postbox.console.overview.watch import Watch
from postbox.console.pages import FRAGMENT_HEADER, Pages, wants_json
from postbox.console.security.access import acting
from postbox.console.security.sessions import Identity, Sessions
from postbox.errors import PostboxError
from postbox.operations import bind
from postbox.service import Problem

BIND_LIMIT_S: Final = 10.0


class Map:
    """`audit` is None where the console has no database of its own: then nobody acts."""

    def __init__(
        self,
        watch: Watch,
        audit: AuditLog | None,
        *,
        uri: str,
        exchange: str,
        sessions: Sessions,
        pages: Pages,
    ) -> None:
        self._watch = watch
        self._audit = audit
        self._uri = uri
        self._exchange = exchange
        self._sessions = sessions
        self._pages = pages

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/map", self._page, methods=["GET"]),
            Route("/map/bind", self._ask, methods=["GET"]),
            Route("/map/bind", self._bind, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        snapshot = await self._watch.now()
        seen = graph(snapshot, self._exchange)
        document: dict[str, Any] = {
            **seen.document,
            "at": snapshot.at,
            "problem": snapshot.broker.problem or snapshot.broker.api_problem,
            "can_act": self._audit is not None and bool(request.state.identity.may_act),
        }
        if not wants_json(request):
            document["pictures"] = [drawn(seen, size) for size in SIZES]
        is_part = FRAGMENT_HEADER in request.headers
        return self._pages.answer(request, "_map.html" if is_part else "map.html", document)

    async def _ask(self, request: Request) -> Response:
        queue = request.query_params.get("queue", "")
        missing = _missing(graph(await self._watch.now(), self._exchange), queue)
        document = {"queue": queue, "missing": missing, "exchange": self._exchange}
        return self._pages.answer(request, "bind.html", document)

    async def _bind(self, request: Request) -> Response:
        identity, form = await acting(request, self._sessions)
        audit = self._audit
        if audit is None:
            raise Problem(403, "There is no audit, and without it nothing is done: set MONGO_URI")
        seen = graph(await self._watch.now(), self._exchange)
        queue = str(form.get("queue", ""))
        missing = _missing(seen, queue)
        if not missing:
            raise Problem(409, f"Nothing is missing of {queue} any more")
        return RedirectResponse(f"/audit/{await self._bound(audit, identity, queue, missing)}", 303)

    async def _bound(self, audit: AuditLog, identity: Identity, queue: str, keys: list[str]) -> str:
        """In the audit before it is done and after; the entry's id."""
        id_ = await audit.begin(
            by=identity.name, action="bind", places={queue: keys}, to=f"exchange {self._exchange}"
        )
        state, done, problem = "failed", list[str](), None
        try:
            async with asyncio.timeout(BIND_LIMIT_S):
                await bind(self._uri, exchange=self._exchange, queue=queue, keys=keys)
            state, done = "done", keys
        except (PostboxError, TimeoutError) as error:
            problem = str(error) or f"no answer within {BIND_LIMIT_S:.0f} s"
        await audit.end(id_, state=state, done=[done], problem=problem)
        return id_


def _missing(seen: Graph, queue: str) -> list[str]:
    return next((list(one.missing) for one in seen.queues if one.name == queue), [])
