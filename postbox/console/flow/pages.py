"""The page of a flow, by the subject or the trace that its events share."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.console.events.listing import listed
from postbox.console.events.request import asked_for, criteria
from postbox.console.flow.layout import SIZES, drawn
from postbox.console.flow.story import Story, told
from postbox.console.pages import FRAGMENT_HEADER, Pages, wants_json
from postbox.console.sources import Looked, Sources
from postbox.operations import Uptake, taken_up
from postbox.service import Problem

STEPS_MAX: Final = 200
GROWS_FOR: Final = timedelta(seconds=60)
"""After what happened last; so that a page which is left open costs nothing."""


class Flow:
    """Reads all sources and their inboxes; changes nothing."""

    def __init__(self, sources: Sources, pages: Pages) -> None:
        self._sources = sources
        self._pages = pages

    @property
    def routes(self) -> list[Route]:
        return [Route("/flow", self._page)]

    async def _page(self, request: Request) -> Response:
        asked = asked_for(request)
        by = next((name for name in ("subject", "trace") if name in asked), None)
        if by is None:
            raise Problem(422, "A flow is of a subject or of a trace", field="subject")
        document = await self.told(request, by, asked[by])
        is_part = FRAGMENT_HEADER in request.headers
        return self._pages.answer(request, "_told.html" if is_part else "flow.html", document)

    async def told(self, request: Request, by: str, of: str) -> dict[str, Any]:
        """The flow of this subject, or trace; with its pictures, unless `request` asks for JSON."""
        listing = await listed(self._sources, criteria({by: of}), most=STEPS_MAX)
        ids = [str(row["_id"]) for _, row in listing.found]
        uptakes, problems = await self._uptakes(ids)
        story = told(listing.found, uptakes)
        document: dict[str, Any] = {
            "by": by,
            "of": of,
            "took_ms": story.took_ms,
            "lanes": story.lanes,
            "steps": [step.document for step in story.steps],
            "is_whole": listing.after is None,
            "is_growing": _is_growing(story) and not listing.looked_through,
            "looked_through": listing.looked_through,
            "problems": {**listing.problems, **problems},
        }
        if wants_json(request):
            return document
        pictures = [drawn(story, size) for size in SIZES] if story.steps else []
        return {**document, "pictures": pictures, "others": _others(story, by, of)}

    async def _uptakes(self, ids: Sequence[str]) -> tuple[dict[str, list[Uptake]], dict[str, str]]:
        async def uptakes_in(one: Looked) -> list[Uptake]:
            return await taken_up(one.database, ids)

        return await self._sources.ask(uptakes_in)


def _is_growing(story: Story) -> bool:
    """Whether anything of it happened lately: then a page of it is brought up to date."""
    return any(datetime.now(UTC) - at < GROWS_FOR for at in story.moments)


def _others(story: Story, by: str, of: str) -> list[tuple[str, str]]:
    """Other flows that this one touches: its traces, or its subjects."""
    other = "trace" if by == "subject" else "subject"
    found = dict.fromkeys(step.event[other] for step in story.steps)
    return [(other, str(value)) for value in found if value and value != of]
