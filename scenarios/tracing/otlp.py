"""A receiver of OTLP over HTTP, in protobuf: what a program really exports, span by span.

It keeps all that arrives, in memory, and is meant for one test or one command.
"""

import asyncio
import gzip
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import uvicorn
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stack.servers.ports import LOOPBACK

CONTENT_TYPE: Final = "application/x-protobuf"
EXPORT_EVERY_MS: Final = 100
"""How long a program keeps what it is asked to export here."""

Take = Callable[[bytes], None]
Value = str | bool | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span as it was exported. Ids are in hex; `parent_id` is None for a root."""

    trace_id: str
    span_id: str
    parent_id: str | None
    service: str
    name: str
    kind: str
    began_ns: int
    ended_ns: int
    attributes: Mapping[str, Value]
    links: tuple[tuple[str, str], ...] = ()
    """Trace id and span id of each."""
    events: tuple[str, ...] = ()
    error: str | None = None
    """What the status says where it is an error."""


@dataclass(slots=True)
class Received:
    """All that has arrived."""

    spans: list[Span] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)


class OtlpServer:
    """Listens on a free port of loopback while it is entered; hands on the bodies of exports."""

    def __init__(self, *, traces: Take, metrics: Take) -> None:
        self._listening = socket.create_server((LOOPBACK, 0))
        routes = [_route("/v1/traces", traces), _route("/v1/metrics", metrics)]
        self._server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=routes), lifespan="off", log_config=None, ws="none")
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        # Without uvicorn's signal handlers; what comes before it is ready waits at the socket.
        self._serving = asyncio.create_task(self._server._serve([self._listening]))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._serving is not None
        self._server.should_exit = True
        await self._serving


def _route(path: str, take: Take) -> Route:
    async def export(request: Request) -> Response:
        body = await request.body()
        is_gzip = request.headers.get("content-encoding") == "gzip"
        take(gzip.decompress(body) if is_gzip else body)
        # The empty message: all was taken.
        return Response(media_type=CONTENT_TYPE)

    return Route(path, export, methods=["POST"])


class Receiver(OtlpServer):
    """An OtlpServer that keeps all spans, and the names of metrics."""

    def __init__(self) -> None:
        super().__init__(traces=self._take_spans, metrics=self._take_metrics)
        self.received = Received()

    @property
    def spans(self) -> list[Span]:
        return self.received.spans

    @property
    def environment(self) -> dict[str, str]:
        """The standard variables that make a program export here."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": str(EXPORT_EVERY_MS),
        }

    def _take_spans(self, body: bytes) -> None:
        self.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))

    def _take_metrics(self, body: bytes) -> None:
        message = ExportMetricsServiceRequest.FromString(body)
        self.received.metrics |= {
            metric.name
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def _spans(message: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in message.resource_spans:
        service = str(_attributes(resource.resource.attributes)["service.name"])
        for scope in resource.scope_spans:
            yield from (_span(one, service) for one in scope.spans)


def _span(message: trace_pb2.Span, service: str) -> Span:
    is_error = message.status.code == trace_pb2.Status.STATUS_CODE_ERROR
    return Span(
        trace_id=message.trace_id.hex(),
        span_id=message.span_id.hex(),
        parent_id=message.parent_span_id.hex() or None,
        service=service,
        name=message.name,
        kind=trace_pb2.Span.SpanKind.Name(message.kind).removeprefix("SPAN_KIND_").lower(),
        began_ns=message.start_time_unix_nano,
        ended_ns=message.end_time_unix_nano,
        attributes=_attributes(message.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in message.links),
        events=tuple(event.name for event in message.events),
        error=(message.status.message or "error") if is_error else None,
    )


def _attributes(message: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in message}


def _value(message: AnyValue) -> Value:
    match message.WhichOneof("value"):
        case "bool_value":
            return message.bool_value
        case "int_value":
            return message.int_value
        case "double_value":
            return message.double_value
        case "string_value":
            return message.string_value
        case _:
            return str(message)
