"""The pages of the audit: the search, and one entry, which shows its progress while it runs."""

from collections.abc import Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from postbox.console.audit.log import PAGE, RUNNING, AuditLog
from postbox.console.events.request import criteria
from postbox.console.pages import FRAGMENT_HEADER, Pages
from postbox.console.security.access import acting
from postbox.console.security.sessions import Sessions
from postbox.console.set_aside.jobs import Jobs
from postbox.mongo import Document
from postbox.service import Problem

FIELDS: Final = ("by", "action", "state", "id", "since", "until")
INTERRUPTED: Final = "interrupted"


class UnderWay(Protocol):
    """Actions that go on here."""

    def done_count(self, id_: str) -> int | None:
        """How much of it is done; None where none of this id is under way."""


class Audit:
    """`log` is None where the console has no database of its own. `others` go on beside `jobs`."""

    def __init__(
        self,
        log: AuditLog | None,
        jobs: Jobs,
        others: Sequence[UnderWay],
        *,
        sessions: Sessions,
        pages: Pages,
    ) -> None:
        self._log = log
        self._jobs = jobs
        self._under_way: Sequence[UnderWay] = (jobs, *others)
        self._sessions = sessions
        self._pages = pages

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/audit", self._search),
            Route("/audit/{id}", self._entry, methods=["GET"]),
            Route("/audit/{id}/stop", self._stop, methods=["POST"]),
        ]

    async def _search(self, request: Request) -> Response:
        given = {name: request.query_params.get(name, "").strip() for name in FIELDS}
        asked = {name: text for name, text in given.items() if text}
        entries: list[Document] = []
        if self._log is not None:
            before = request.query_params.get("before")
            entries = await self._log.search(_wanted(asked), before=before)
        more = entries[PAGE - 1]["_id"] if len(entries) > PAGE else None
        document = {
            "asked": asked,
            "has_audit": self._log is not None,
            "entries": [self._said(entry) for entry in entries[:PAGE]],
            "next": f"/audit?{urlencode({**asked, 'before': more})}" if more else None,
        }
        return self._pages.answer(request, "audit.html", document)

    async def _entry(self, request: Request) -> Response:
        entry = await self._found(request)
        document = {"entry": self._said(entry)}
        is_part = FRAGMENT_HEADER in request.headers
        return self._pages.answer(request, "_entry.html" if is_part else "entry.html", document)

    async def _stop(self, request: Request) -> Response:
        await acting(request, self._sessions)
        entry = await self._found(request)
        self._jobs.stop(entry["_id"])
        return RedirectResponse(f"/audit/{entry['_id']}", 303)

    async def _found(self, request: Request) -> Document:
        id_ = request.path_params["id"]
        entry = None if self._log is None else await self._log.find(id_)
        if entry is None:
            raise Problem(404, "There is no such entry")
        return entry

    def _said(self, entry: Document) -> dict[str, Any]:
        """An entry, with what is known of it here while it runs."""
        said = {"problem": None, "ended_at": None, **entry}
        said["id"] = said.pop("_id")
        for actions in self._under_way:
            if (done_count := actions.done_count(said["id"])) is not None:
                return {**said, "done_count": done_count, "is_running": True}
        said["done_count"] = sum(len(place.get("done", ())) for place in said["places"])
        if said["state"] == RUNNING:
            said["state"] = INTERRUPTED
        return {**said, "is_running": False}


def _wanted(asked: dict[str, str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {name: asked[name] for name in ("by", "action") if name in asked}
    if "state" in asked:
        wanted["state"] = RUNNING if asked["state"] == INTERRUPTED else asked["state"]
    if "id" in asked:
        wanted["places.ids"] = asked["id"]
    times = criteria({name: asked[name] for name in ("since", "until") if name in asked})
    if "time" in times.filter:
        wanted["at"] = times.filter["time"]
    return wanted
