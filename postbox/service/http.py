"""The HTTP edge that every program has: health, metrics, errors as problems, and its server."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from postbox.errors import ConfigurationError, TryAgain
from postbox.extras import MissingExtra, requires
from postbox.runtime import Health
from postbox.service.problems import BODY_BYTES_MAX, Problem, reply, try_again

log = structlog.get_logger()
GRACE_S = 5
BACKLOG = 1_024


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


def application(routes: list[Route]) -> Starlette:
    """A Starlette application whose every error is a problem document."""
    return Starlette(
        routes=routes,
        exception_handlers={
            Problem: _on_problem,
            HTTPException: _on_http_exception,
            TryAgain: _on_try_again,
            MissingExtra: _on_missing_extra,
        },
    )


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Problem(error.status_code, error.detail, headers=error.headers).response()


async def _on_try_again(_: Request, error: Exception) -> Response:
    assert isinstance(error, TryAgain)
    return try_again(error)


async def _on_missing_extra(_: Request, error: Exception) -> Response:
    return Problem(501, "Not installed", detail=str(error)).response()


class _Server(uvicorn.Server):
    """uvicorn, but signals are the program's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on port {port}: {error.strerror}") from error


async def serve(app: Starlette, port: int, stop: asyncio.Event, *, host: str = "0.0.0.0") -> None:
    """Serve `app` until `stop` is set, then answer what is under way and return."""
    listening = _listen(host, port)
    log.info("listening", host=host, port=listening.getsockname()[1])
    server = _Server(
        uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            lifespan="off",
            proxy_headers=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=BODY_BYTES_MAX,
        )
    )
    serving = asyncio.ensure_future(server.serve([listening]))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopped.cancel()
    await serving
