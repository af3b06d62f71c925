"""postbox.telemetry"""

from postbox.telemetry import metrics
from postbox.telemetry.traces import (
    CONVERSATION,
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
    "annotate",
    "batch_span",
    "call_span",
    "context_of",
    "created",
    "current_trace",
    "flow_span",
    "is_traced",
    "link_to",
    "metrics",
    "trace_id",
    "traceparent_of",
    "tracer",
    "under",
    "untraced",
]
