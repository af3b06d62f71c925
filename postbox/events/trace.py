"""The trace that an event belongs to."""

from opentelemetry.context import Context

from postbox.events.event import Event
from postbox.telemetry import context_of, trace_id


def context_of_event(event: Event) -> Context:
    """The context under which `event` was emitted."""
    return context_of(event.traceparent, event.tracestate)


def about(event: Event) -> dict[str, str | None]:
    """What a log line says of an event."""
    return {
        "event_id": event.id,
        "type": event.type,
        "subject": event.subject,
        "trace_id": trace_id(event.traceparent),
    }
