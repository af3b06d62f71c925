"""Trace context and metrics, by the OpenTelemetry API alone.

Guarantees that every event carries a trace id, whether or not anybody records spans, and that a
program without the SDK pays almost nothing. Imports nothing of ours. `telemetry.metrics` is the
other door, and `telemetry.setup` configures a whole program.
"""

from postbox.telemetry.traces import (
    CONVERSATION,
    WAITED,
    annotate,
    batch_span,
    call_span,
    context_of,
    created,
    current_trace,
    flow_span,
    is_traced,
    link_to,
    trace_id,
    traceparent_of,
    tracer,
    under,
    untraced,
)

__all__ = [
    "CONVERSATION",
    "WAITED",
    "annotate",
    "batch_span",
    "call_span",
    "context_of",
    "created",
    "current_trace",
    "flow_span",
    "is_traced",
    "link_to",
    "trace_id",
    "traceparent_of",
    "tracer",
    "under",
    "untraced",
]
