"""The console, put together: its pages behind access control and the headers browsers heed."""

from collections.abc import Sequence
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount

from postbox.console.pages import STATIC, Files, Pages, wants_json
from postbox.console.security.access import Access, AccessMiddleware
from postbox.console.security.headers import SecurityHeaders
from postbox.errors import PostboxError, TryAgain
from postbox.operations import NoSuchQueue
from postbox.service import Problem

log: Final = structlog.get_logger()


def application(routes: Sequence[BaseRoute], *, access: Access, pages: Pages) -> Starlette:
    """`routes` and our own files. Every error is a page, or a problem where JSON is asked for."""

    def told(request: Request, status: int, title: str, detail: object) -> Response:
        if wants_json(request):
            said = None if detail is None else str(detail)
            return Problem(status, title, detail=said).response()
        document = {"status": status, "title": title, "detail": detail}
        return pages.answer(request, "problem.html", document, status=status)

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return told(request, error.status, str(error), error.body.get("detail"))

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return told(request, error.status_code, error.detail, None)

    async def on_try_again(request: Request, error: Exception) -> Response:
        return told(request, 503, "A server is unavailable", str(error))

    async def on_error(request: Request, error: Exception) -> Response:
        log.error("a request failed", path=request.url.path, reason=str(error))
        return told(request, 500, "Something is not as it is needed", str(error))

    async def on_no_such_queue(request: Request, error: Exception) -> Response:
        return told(request, 404, "There is no such queue", str(error))

    return Starlette(
        routes=[*routes, Mount("/static", Files(directory=STATIC))],
        middleware=[Middleware(SecurityHeaders), Middleware(AccessMiddleware, access=access)],
        exception_handlers={
            Problem: on_problem,
            HTTPException: on_http_exception,
            TryAgain: on_try_again,
            NoSuchQueue: on_no_such_queue,
            PostboxError: on_error,
        },
    )
