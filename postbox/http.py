"""The HTTP edge that every program has: health, metrics, problems (RFC 9457), bounded bodies.

A client's mistake is a 4xx that names the field; a database that is away is a 503 with
`Retry-After`; a client never sees a 500 for anything it sent.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from time import monotonic
from typing import Any

import orjson
import prometheus_client
import structlog
import uvicorn
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from postbox import instruments
from postbox.errors import ConfigurationError, TryAgain
from postbox.health import Health
from postbox.tracing import context_of, current_trace, flow_span

log = structlog.get_logger()
BODY_BYTES_MAX = 64 * 1024
RETRY_AFTER_S = 2
GRACE_S = 5
BACKLOG = 1_024


class Problem(Exception):
    """An answer in application/problem+json. `field` names what the client got wrong."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        field: str | None = None,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.headers = headers
        self.body = {"type": "about:blank", "title": title, "status": status}
        if field is not None:
            self.body["field"] = field
        if detail is not None:
            self.body["detail"] = detail

    def response(self) -> Response:
        return reply(
            self.body, self.status, media_type="application/problem+json", headers=self.headers
        )


def reply(
    body: object,
    status: int = 200,
    *,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON response; times are RFC 3339 in UTC."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)
    return Response(content, status, headers=headers, media_type=media_type)


async def read_body(request: Request) -> bytes:
    """The whole body. Problem 413 as soon as it is over 64 KiB, whatever its headers claim."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise Problem(
                    413, "The body is too large", detail=f"the limit is {BODY_BYTES_MAX:,} bytes"
                )
    except ClientDisconnect as error:
        raise Problem(400, "The body ended early") from error
    return bytes(body)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Problem 415, 413 or 400 otherwise."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Problem(415, "The content type must be application/json", field="Content-Type")
    return parse_json(await read_body(request))


def parse_json(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object. Problem 400 otherwise."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "The body is not JSON", field="body", detail=str(error)) from error
    if not isinstance(document, dict):
        raise Problem(422, "The body must be a JSON object", field="body")
    return document


Endpoint = Callable[[Request], Awaitable[Response]]
BodyEndpoint = Callable[[Request, bytes], Awaitable[Response]]


def traced(name: str, endpoint: Endpoint) -> Endpoint:
    """`endpoint` in a server span under the caller's `traceparent`; answers `traceresponse`."""

    async def in_span(request: Request) -> Response:
        return await _in_span(name, request, _caller(request), endpoint(request))

    return in_span


def traced_by_body(
    name: str, endpoint: BodyEndpoint, *, traceparent_of: Callable[[bytes], str | None]
) -> Endpoint:
    """As `traced`, for a caller who gives back our own trace context in the body."""

    async def in_span(request: Request) -> Response:
        try:
            body = await read_body(request)
        except Problem as problem:
            return await _in_span(name, request, _caller(request), _refused(problem))
        told = traceparent_of(body)
        parent = _caller(request) if told is None else context_of(told)
        return await _in_span(name, request, parent, endpoint(request, body))

    return in_span


def _caller(request: Request) -> Context:
    return context_of(request.headers.get("traceparent"), request.headers.get("tracestate"))


async def _refused(problem: Problem) -> Response:
    raise problem


async def _in_span(
    name: str, request: Request, parent: Context, answer: Awaitable[Response]
) -> Response:
    began, route = monotonic(), name.partition(" ")[2]
    with flow_span(name, parent, kind=SpanKind.SERVER) as span:
        span.set_attribute("http.request.method", request.method)
        span.set_attribute("http.route", route)
        span.set_attribute("url.path", request.url.path)
        span.set_attribute("url.scheme", request.url.scheme)
        try:
            response = await answer
        except Problem as problem:
            response = problem.response()
        except TryAgain as error:
            response = _try_again(error)
        span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 500:
            span.set_attribute("error.type", str(response.status_code))
            span.set_status(StatusCode.ERROR)
        response.headers["traceresponse"] = current_trace()["traceparent"]
        instruments.requested(request.method, route, response.status_code, monotonic() - began)
        return response


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

    async def metrics(_: Request) -> Response:
        return Response(
            prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST
        )

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def application(routes: list[Route]) -> Starlette:
    """A Starlette application whose every error is a problem document."""
    return Starlette(
        routes=routes,
        exception_handlers={
            Problem: _on_problem,
            HTTPException: _on_http_exception,
            TryAgain: _on_try_again,
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
    return _try_again(error)


def _try_again(error: TryAgain) -> Response:
    log.warning("answered 503", reason=str(error))
    return unavailable("Not available at the moment; try again").response()


def unavailable(title: str) -> Problem:
    """503: the same request will be accepted later."""
    return Problem(503, title, headers={"Retry-After": str(RETRY_AFTER_S)})


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
