"""What may be asked: which stories there are, to play one, and how one goes."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scenarios.player.plays import Busy, Plays, listed
from scenarios.registry import SCENARIOS

TOKEN_HEADER: Final = "Authorization"  # noqa: S105 a name
BODY_BYTES_MAX: Final = 1_000


class Wanted(BaseModel):
    """`id` is the asker's own name for the play: asked again with it, nothing is played twice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=64)
    scenario: str


def application(plays: Plays, *, token: str) -> Starlette:
    """For who has `token`, and for no page of another site in somebody's browser."""

    def guarded(answer: Callable[[Request], Awaitable[Response]]) -> Callable[..., object]:
        async def guard(request: Request) -> Response:
            given = request.headers.get(TOKEN_HEADER, "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                return _refused(401, "this needs the stack's token")
            return await answer(request)

        return guard

    async def scenarios(_: Request) -> Response:
        return JSONResponse({"scenarios": listed()})

    async def begin(request: Request) -> Response:
        try:
            wanted = Wanted.model_validate_json((await request.body())[:BODY_BYTES_MAX])
        except ValidationError as error:
            return _refused(422, str(error))
        scenario = SCENARIOS.get(wanted.scenario)
        if scenario is None:
            return _refused(422, f"there is no scenario {wanted.scenario!r}")
        try:
            return JSONResponse(plays.begin(wanted.id, scenario).document, 202)
        except Busy as error:
            return _refused(409, f"{error} is being played: one at a time")

    async def one(request: Request) -> Response:
        play = plays.find(request.path_params["id"])
        return _refused(404, "not played here") if play is None else JSONResponse(play.document)

    async def ready(_: Request) -> Response:
        return JSONResponse({"status": "ready"})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await plays.end()

    return Starlette(
        routes=[
            Route("/scenarios", guarded(scenarios), methods=["GET"]),
            Route("/plays", guarded(begin), methods=["POST"]),
            Route("/plays/{id}", guarded(one), methods=["GET"]),
            Route("/readyz", ready, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


def _refused(status: int, why: str) -> Response:
    return JSONResponse({"title": why}, status)
