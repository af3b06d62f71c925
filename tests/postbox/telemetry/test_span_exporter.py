"""Spans encoded by hand say what the library's own encoder makes of them, to the last field."""

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)
from opentelemetry.util.types import AnyValue

from postbox.telemetry.setup.span_exporter import encode

REMOTE = SpanContext(
    trace_id=(1 << 127) + 5,
    span_id=(1 << 63) + 7,
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("vendor", "value"), ("other", "1")]),
)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider(resource=Resource({"service.name": "shop", "replica": 3}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("tests", "1.2", attributes={"kept": True})


def same(spans: tuple[ReadableSpan, ...]) -> bool:
    sent = ExportTraceServiceRequest.FromString(encode(spans))
    return bool(sent == encode_spans(spans))


@pytest.mark.parametrize("kind", SpanKind)
def test_every_kind_and_every_plain_value(
    tracer: Tracer, exporter: InMemorySpanExporter, kind: SpanKind
) -> None:
    values: dict[str, AnyValue] = {"text": "grüße" * 50, "empty": "", "yes": True, "no": False}
    numbers: dict[str, AnyValue] = {"none": 0, "one": 1, "more": 128, "large": 2**62, "less": -1}
    tracer.start_span("n" * 200, kind=kind, attributes=values | numbers).end()
    assert same(exporter.get_finished_spans())


def test_a_remote_parent_with_its_state_and_a_local_one(
    tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    remote = set_span_in_context(NonRecordingSpan(REMOTE))
    with tracer.start_as_current_span("outer", context=remote):
        tracer.start_span("inner").end()
    assert same(exporter.get_finished_spans())


@pytest.mark.parametrize(
    "status", [Status(StatusCode.OK), Status(StatusCode.ERROR), Status(StatusCode.ERROR, "why")]
)
def test_a_status(tracer: Tracer, exporter: InMemorySpanExporter, status: Status) -> None:
    span = tracer.start_span("failed")
    span.set_status(status)
    span.end()
    assert same(exporter.get_finished_spans())


def test_what_is_rare_goes_along_with_the_rest(
    tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    tracer.start_span("plain").end()
    tracer.start_span("fraction", attributes={"fraction": 0.5}).end()
    tracer.start_span("list", attributes={"list": ["a", "b"]}).end()
    tracer.start_span("linked", links=[Link(REMOTE)]).end()
    span = tracer.start_span("eventful")
    span.add_event("happened", {"try": 1})
    span.end()
    spans = exporter.get_finished_spans()
    sent = ExportTraceServiceRequest.FromString(encode(spans))
    reported = [
        span
        for resource in sent.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    expected = encode_spans(spans).resource_spans[0].scope_spans[0].spans
    assert sorted(map(str, reported)) == sorted(map(str, expected))
