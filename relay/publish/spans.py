"""The span under which an event is published: whoever consumes the event continues from it.

It is written down once, when it ends. A live span of the SDK, which may be changed at any moment by
any thread, costs three times as much, and where every flow is recorded that is the relay's largest
expense. What is sampled is still the SDK's sampler's choice, and what is exported its processor's.
"""

from collections.abc import Mapping
from dataclasses import replace
from time import time_ns
from typing import Final

from opentelemetry import trace
from opentelemetry.sdk.trace import Event, ReadableSpan, Tracer
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from postbox.rabbitmq import Outgoing
from postbox.telemetry import context_of, traceparent_of

_SCOPE: Final = InstrumentationScope("postbox.relay")
_NOT_SAMPLED: Final = ("-00", "-02")
"""The flags of a flow that nobody traces: most flows, where one in a hundred is traced."""


class PublishSpan:
    """Of one event, from its first try on."""

    __slots__ = ("_began_ns", "_events", "_message", "_parent", "_tracer", "context")

    def __init__(
        self, tracer: Tracer, message: Outgoing, context: SpanContext, parent: SpanContext | None
    ) -> None:
        self._tracer = tracer
        self._message = message
        self._parent = parent
        self._began_ns = time_ns()
        self._events: tuple[Event, ...] = ()
        self.context = context

    def add_event(self, name: str, attributes: Mapping[str, str | int] | None = None) -> None:
        self._events = (*self._events, Event(name, dict(attributes or {})))

    def end(self) -> None:
        message = self._message
        self._tracer.span_processor.on_end(
            ReadableSpan(
                name=_name(message),
                context=self.context,
                parent=self._parent,
                resource=self._tracer.resource,
                attributes={
                    "messaging.system": "rabbitmq",
                    "messaging.operation.type": "send",
                    "messaging.operation.name": "publish",
                    "messaging.destination.name": message.exchange,
                    "messaging.rabbitmq.destination.routing_key": message.routing_key,
                    "messaging.message.id": message.message_id,
                    "messaging.message.body.size": len(message.body),
                },
                events=self._events,
                kind=SpanKind.PRODUCER,
                start_time=self._began_ns,
                end_time=time_ns(),
                instrumentation_scope=_SCOPE,
            )
        )


class PublishSpans:
    """A span `publish <type>` an event where somebody records spans; else it costs nothing."""

    def __init__(self) -> None:
        tracer = trace.get_tracer(_SCOPE.name)
        self._tracer = tracer if isinstance(tracer, Tracer) else None

    def start(self, message: Outgoing) -> tuple[Outgoing, PublishSpan | None]:
        """The message under its publish span, where its flow is sampled."""
        if (tracer := self._tracer) is None:
            return message, None
        traceparent = message.headers.get("traceparent")
        if traceparent is not None and traceparent.endswith(_NOT_SAMPLED):
            return message, None
        tracestate = message.headers.get("tracestate")
        context = context_of(traceparent, tracestate)
        parent = trace.get_current_span(context).get_span_context()
        trace_id = parent.trace_id if parent.is_valid else tracer.id_generator.generate_trace_id()
        result = tracer.sampler.should_sample(context, trace_id, _name(message), SpanKind.PRODUCER)
        if result.decision is not Decision.RECORD_AND_SAMPLE:
            return message, None
        own = SpanContext(
            trace_id=trace_id,
            span_id=tracer.id_generator.generate_span_id(),
            is_remote=False,
            trace_flags=TraceFlags(parent.trace_flags | TraceFlags.SAMPLED),
            trace_state=result.trace_state,
        )
        headers = {**message.headers, "traceparent": traceparent_of(own)}
        message = replace(message, headers=headers)
        return message, PublishSpan(tracer, message, own, parent if parent.is_valid else None)


def _name(message: Outgoing) -> str:
    return f"publish {message.type or message.routing_key}"
