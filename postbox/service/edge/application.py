"""The application that every program serves: health, metrics, and errors as problems."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.errors import TryAgain
from postbox.extras import MissingExtra, requires
from postbox.runtime import Health
from postbox.service.edge.pages import problem_pages
from postbox.service.edge.problems import (
    HTTP_PROBLEMS,
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    NOT_INSTALLED,
    Problem,
    ProblemType,
    reply,
    try_again,
)

_BY_STATUS = {kind.status: kind for kind in (NOT_FOUND, METHOD_NOT_ALLOWED)}


def operational_routes(health: Health) -> list[Route]:
    """`/healthz` (alive), `/readyz` (can do its work now, or what is wrong), `/metrics`."""

    async def healthz(_: Request) -> Response:
        return reply({"status": "ok"})

    async def readyz(_: Request) -> Response:
        ready = not health.problems
        return reply(
            {"status": "ready" if ready else "not ready", "checks": health.report},
            200 if ready else 503,
        )

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", _metrics),
    ]


async def _metrics(_: Request) -> Response:
    with requires("telemetry"):
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def application(
    routes: Sequence[Route],
    *,
    middleware: Sequence[Middleware] = (),
    problems: Sequence[ProblemType] = (),
) -> Starlette:
    """A Starlette application whose every error is a problem document.

    `problems` are the types of its own that it answers with: they get pages, as ours do.
    """
    app = Starlette(
        routes=[*routes, *problem_pages([*HTTP_PROBLEMS, *problems])],
        middleware=middleware,
        exception_handlers={
            Problem: _on_problem,
            HTTPException: _on_http_exception,
            TryAgain: _on_try_again,
            MissingExtra: _on_missing_extra,
            Exception: _on_bug,
        },
    )
    app.router.redirect_slashes = False  # to wherever the Host header says, and no problem
    return app


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code)
    if kind is not None:
        return kind.problem(headers=error.headers).response()
    return Problem(error.status_code, error.detail, headers=error.headers).response()


async def _on_try_again(_: Request, error: Exception) -> Response:
    assert isinstance(error, TryAgain)
    return try_again(error)


async def _on_missing_extra(_: Request, error: Exception) -> Response:
    return NOT_INSTALLED.problem(detail=str(error)).response()


async def _on_bug(_: Request, error: Exception) -> Response:
    """It is raised all the same, and logged by the server with its traceback."""
    return INTERNAL_ERROR.problem().response()
