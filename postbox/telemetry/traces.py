"""W3C trace context, carried from a request through outbox and broker to the last consumer.

Spans are made with the OpenTelemetry API, which costs next to nothing until a program configures
the SDK. The trace id itself exists either way: where nobody records, one is drawn at the edge and
carried along, so that rows, messages and log lines of one flow can always be joined.
"""

import os
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

CONVERSATION = "messaging.message.conversation_id"
"""The attribute that all spans about one subject share, in whichever trace they are."""

WAITED = "postbox.waited_ms"
"""How long a message or request lay in this program before its transaction began."""

tracer: Final = trace.get_tracer("postbox")
_SUPPRESSED = "suppress_instrumentation"
"""The key of the context by which instrumentations know that they are not wanted."""
_propagator = TraceContextTextMapPropagator()
_drawing = random.Random()
"""Of our own: a program may seed the one that all share."""
os.register_at_fork(after_in_child=_drawing.seed)
_TRACEPARENT = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
"""Version 00, which is nearly every one; the propagator knows what to make of the others."""


def is_traced() -> bool:
    """Whether anybody records spans here. Where not, making them would be work for nothing."""
    provider = trace.get_tracer_provider()
    return not isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider)


@contextmanager
def untraced() -> Iterator[None]:
    """A block whose database commands are no part of any flow: polls, heartbeats, streams."""
    token = otel_context.attach(otel_context.set_value(_SUPPRESSED, True))
    try:
        yield
    finally:
        otel_context.detach(token)


def current_trace() -> dict[str, str]:
    """`traceparent`, and `tracestate` where there is one, of the current span."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        context = trace.get_current_span(_drawn()).get_span_context()
    carried = {"traceparent": traceparent_of(context)}
    if context.trace_state:
        carried["tracestate"] = context.trace_state.to_header()
    return carried


def created(event_type: str, *, event_id: str, subject: str) -> dict[str, str] | None:
    """Record that an event was created; the trace context of that span, which its row carries.

    None where the current span is not recorded: then the row carries the current context.
    """
    if not trace.get_current_span().is_recording():
        return None
    with tracer.start_as_current_span(
        f"create {event_type}",
        kind=trace.SpanKind.PRODUCER,
        attributes={
            "messaging.system": "rabbitmq",
            "messaging.operation.type": "create",
            "messaging.operation.name": "create",
            "messaging.message.id": event_id,
            CONVERSATION: subject,
        },
    ):
        return current_trace()


def context_of(traceparent: str | None, tracestate: str | None = None) -> Context:
    """The context that a row or message carries; a new trace where it carries no valid one."""
    found = _carried(traceparent, tracestate)
    if trace.get_current_span(found).get_span_context().is_valid:
        return found
    # The first span that is made in an empty context begins the trace, and may be sampled.
    return Context() if is_traced() else _drawn()


@contextmanager
def under(context: Context) -> Iterator[None]:
    """Run a block with `context` as the current one."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def annotate(attributes: Mapping[str, str]) -> None:
    """Say more of the current span, where there is one."""
    trace.get_current_span().set_attributes(attributes)


def link_to(traceparent: str | None) -> None:
    """Link the current span to the trace of `traceparent`, where that is another one."""
    span = trace.get_current_span()
    if not span.is_recording() or traceparent is None:
        return
    other = trace.get_current_span(_carried(traceparent)).get_span_context()
    if other.is_valid and other.trace_id != span.get_span_context().trace_id:
        span.add_link(other)


def trace_id(traceparent: str | None) -> str | None:
    """The 32 hex digits of the trace that a traceparent names."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None


@contextmanager
def flow_span(
    name: str, parent: Context, *, kind: trace.SpanKind = trace.SpanKind.INTERNAL
) -> Iterator[trace.Span]:
    """A span under `parent`, current for the block; all that the block emits is under it."""
    with under(parent):
        if not is_traced():
            yield trace.get_current_span()
            return
        with tracer.start_as_current_span(name, kind=kind) as span:
            yield span


class Call:
    """A request that is made of another system over HTTP, as its span records it."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def answered(self, status: int) -> None:
        """It was answered; from 400 on that is an error."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self._fail(str(status))

    def failed(self, error_type: str) -> None:
        """There was no answer."""
        self._fail(error_type)

    def _fail(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(trace.StatusCode.ERROR)


@contextmanager
def call_span(method: str, path: str) -> Iterator[Call]:
    """A client span under the current one. A poll, which is in no flow, gets none."""
    if not trace.get_current_span().is_recording():
        yield Call(trace.INVALID_SPAN)
        return
    with tracer.start_as_current_span(
        f"{method} {path}",
        kind=trace.SpanKind.CLIENT,
        attributes={"http.request.method": method, "url.path": path},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield Call(span)


@contextmanager
def batch_span(name: str, contexts: Iterable[Context]) -> Iterator[None]:
    """What is done for many flows at once is in none of their traces: a root, linked to each."""
    if not is_traced():
        yield
        return
    members = (trace.get_current_span(context).get_span_context() for context in contexts)
    links = [trace.Link(member) for member in members if member.is_valid]
    with under(Context()), tracer.start_as_current_span(name, links=links):
        yield


def traceparent_of(context: SpanContext) -> str:
    """The W3C header that makes a span the parent; five times as fast as the propagator."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _carried(traceparent: str | None, tracestate: str | None = None) -> Context:
    if not tracestate and (found := _TRACEPARENT.fullmatch(traceparent or "")):
        parent = SpanContext(
            trace_id=int(found[1], 16),
            span_id=int(found[2], 16),
            is_remote=True,
            trace_flags=TraceFlags(int(found[3], 16)),
        )
        return trace.set_span_in_context(NonRecordingSpan(parent), Context())
    carrier = {"traceparent": traceparent or "", "tracestate": tracestate or ""}
    return _propagator.extract(carrier, context=Context())


def _drawn() -> Context:
    span = NonRecordingSpan(
        SpanContext(
            trace_id=_drawing.getrandbits(128) or 1,
            span_id=_drawing.getrandbits(64) or 1,
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.DEFAULT),
        )
    )
    return trace.set_span_in_context(span, Context())
