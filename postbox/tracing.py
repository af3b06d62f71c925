"""W3C trace context, carried from a request through outbox and broker to the last consumer.

Spans are made with the OpenTelemetry API, which costs next to nothing until a program configures
the SDK. The trace id itself exists either way: where nobody records, one is drawn at the edge and
carried along, so that rows, messages and log lines of one flow can always be joined.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from postbox.event import Event

tracer = trace.get_tracer("postbox")
_propagator = TraceContextTextMapPropagator()


def current_trace() -> dict[str, str]:
    """`traceparent`, and `tracestate` where there is one, of the current span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    if "traceparent" not in carrier:
        _propagator.inject(carrier, context=_drawn())
    return carrier


def context_of(traceparent: str | None, tracestate: str | None = None) -> Context:
    """The context that a row or message carries; a new trace where it carries no valid one."""
    carrier = {"traceparent": traceparent or "", "tracestate": tracestate or ""}
    found = _propagator.extract(carrier, context=Context())
    return found if trace.get_current_span(found).get_span_context().is_valid else _drawn()


def context_of_event(event: Event) -> Context:
    """The context under which `event` was emitted."""
    return context_of(event.traceparent, event.tracestate)


@contextmanager
def under(context: Context) -> Iterator[None]:
    """Run a block with `context` as the current one."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def trace_id(traceparent: str | None) -> str | None:
    """The 32 hex digits of the trace that a traceparent names."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None


@contextmanager
def server_span(name: str, parent: Context) -> Iterator[trace.Span]:
    """A span of an HTTP edge, current for the block; all that the request emits is under it."""
    with under(parent), tracer.start_as_current_span(name, kind=trace.SpanKind.SERVER) as span:
        yield span


def _drawn() -> Context:
    span = NonRecordingSpan(
        SpanContext(
            trace_id=secrets.randbits(128) or 1,
            span_id=secrets.randbits(64) or 1,
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.DEFAULT),
        )
    )
    return trace.set_span_in_context(span, Context())
