"""The pages of scenarios: a button each; and one that is played, with its flow as it grows."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from postbox.console.flow.pages import Flow
from postbox.console.pages import FRAGMENT_HEADER, Pages, wants_json
from postbox.console.scenarios.player import Player
from postbox.console.scenarios.plays import PLAYING, Plays
from postbox.console.security.access import acting
from postbox.console.security.sessions import Sessions
from postbox.service import Problem

SUBJECTS_SHOWN_MAX: Final = 24


class Scenarios:
    """`plays` is None where there is no audit: then nobody plays any."""

    def __init__(
        self, player: Player, plays: Plays | None, flow: Flow, *, sessions: Sessions, pages: Pages
    ) -> None:
        self._player = player
        self._plays = plays
        self._flow = flow
        self._sessions = sessions
        self._pages = pages

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/scenarios", self._list, methods=["GET"]),
            Route("/scenarios", self._begin, methods=["POST"]),
            Route("/scenarios/{id}", self._one, methods=["GET"]),
        ]

    async def _list(self, request: Request) -> Response:
        document = {
            "scenarios": [
                {**one, "title": _title(one["name"])} for one in await self._player.scenarios()
            ],
            "can_act": self._plays is not None and bool(request.state.identity.may_act),
        }
        return self._pages.answer(request, "scenarios.html", document)

    async def _begin(self, request: Request) -> Response:
        identity, form = await acting(request, self._sessions)
        if self._plays is None:
            raise Problem(403, "There is no audit, and without it nothing is done: set MONGO_URI")
        name = str(form.get("scenario", ""))
        if name not in {one["name"] for one in await self._player.scenarios()}:
            raise Problem(422, "scenario: there is no such scenario", field="scenario")
        id_ = await self._plays.begin(name, by=identity.name)
        return RedirectResponse(f"/scenarios/{id_}", 303)

    async def _one(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        play = await self._player.find(id_)
        if play is None:
            raise Problem(404, "It is not known any more", detail=f"The audit has it: /audit/{id_}")
        subjects = play["subjects"][:SUBJECTS_SHOWN_MAX]
        shown = request.query_params.get("subject") or next(iter(subjects), "")
        is_playing = play["state"] == PLAYING
        document = {
            **{name: play[name] for name in ("scenario", "about", "state", "happened")},
            "id": id_,
            "title": _title(play["scenario"]),
            "is_playing": is_playing,
            "went_wrong": play["problems"],
            "subjects": subjects,
            "shown": shown,
        }
        flow = await self._flow.told(request, "subject", shown) if shown in subjects else None
        if wants_json(request):
            return self._pages.answer(request, "play.html", {**document, "flow": flow})
        if flow is not None:  # while it is played, the page asks for all of itself anew
            document |= {**flow, "is_growing": flow["is_growing"] and not is_playing}
        is_part = FRAGMENT_HEADER in request.headers
        return self._pages.answer(request, "_play.html" if is_part else "play.html", document)


def _title(name: str) -> str:
    return name.replace("-", " ").capitalize()
