"""A receiver of OTLP over HTTP, in protobuf: what a program really exports, span by span.

It keeps all that arrives, in memory, and is meant for one test or one command.
"""

import asyncio
import gzip
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import uvicorn
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stack.servers.ports import LOOPBACK, free_port

CONTENT_TYPE: Final = "application/x-protobuf"
START_LIMIT_S: Final = 5.0
POLL_EVERY_S: Final = 0.01
EXPORT_EVERY_MS: Final = 100
"""How long a program keeps what it is asked to export here."""

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


class Receiver:
    """Listens on a free port of loopback for as long as it is entered."""

    def __init__(self) -> None:
        self._port = free_port()
        self.received = Received()
        self._server = uvicorn.Server(
            uvicorn.Config(
                Starlette(
                    routes=[
                        Route("/v1/traces", self._traces, methods=["POST"]),
                        Route("/v1/metrics", self._metrics, methods=["POST"]),
                    ]
                ),
                host=LOOPBACK,
                port=self._port,
                lifespan="off",
                log_config=None,
                ws="none",
            )
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def spans(self) -> list[Span]:
        return self.received.spans

    @property
    def environment(self) -> dict[str, str]:
        """The standard variables that make a program export here."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{self._port}",
            "OTEL_BSP_SCHEDULE_DELAY": str(EXPORT_EVERY_MS),
        }

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server._serve())  # without its signal handlers
        async with asyncio.timeout(START_LIMIT_S):
            while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(POLL_EVERY_S)
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

    async def _traces(self, request: Request) -> Response:
        message = ExportTraceServiceRequest.FromString(await _body(request))
        self.spans.extend(_spans(message))
        return _answer(ExportTraceServiceResponse().SerializeToString())

    async def _metrics(self, request: Request) -> Response:
        message = ExportMetricsServiceRequest.FromString(await _body(request))
        self.received.metrics |= {
            metric.name
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }
        return _answer(ExportMetricsServiceResponse().SerializeToString())


async def _body(request: Request) -> bytes:
    body = await request.body()
    return gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body


def _answer(body: bytes) -> Response:
    return Response(body, media_type=CONTENT_TYPE)


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
