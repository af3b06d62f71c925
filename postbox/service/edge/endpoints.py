"""Endpoints that belong to a flow: each request is a server span, a metric, and an answer."""

from collections.abc import Awaitable, Callable
from time import monotonic

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from starlette.requests import Request
from starlette.responses import Response

from postbox.errors import TryAgain
from postbox.service.edge.bodies import read_body
from postbox.service.edge.problems import Problem, try_again
from postbox.telemetry import context_of, current_trace, flow_span, metrics

Endpoint = Callable[[Request], Awaitable[Response]]
BodyEndpoint = Callable[[Request, bytes], Awaitable[Response]]


def traced(name: str, endpoint: Endpoint) -> Endpoint:
    """`endpoint` in a server span under the caller's `traceparent`; answers `traceresponse`."""

    async def in_span(request: Request) -> Response:
        return await _in_span(name, request, _caller(request), endpoint(request))

    return in_span


def traced_by_body(
    name: str, endpoint: BodyEndpoint, *, traceparent_of: Callable[[Request, bytes], str | None]
) -> Endpoint:
    """As `traced`, for a caller who gives back our own trace context in the body.

    `traceparent_of` is asked before the endpoint, and may read the body only of who is trusted.
    """

    async def in_span(request: Request) -> Response:
        try:
            body = await read_body(request)
        except Problem as problem:
            return await _in_span(name, request, _caller(request), _refused(problem))
        traceparent = traceparent_of(request, body)
        parent = _caller(request) if traceparent is None else context_of(traceparent)
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
        span.set_attribute("url.path", request.scope["path"])
        span.set_attribute("url.scheme", request.scope["scheme"])
        try:
            response = await answer
        except Problem as problem:
            response = problem.response()
        except TryAgain as error:
            response = try_again(error)
        span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 500:
            span.set_attribute("error.type", str(response.status_code))
            span.set_status(StatusCode.ERROR)
        response.headers["traceresponse"] = current_trace()["traceparent"]
        metrics.requested(request.method, route, response.status_code, monotonic() - began)
        return response
