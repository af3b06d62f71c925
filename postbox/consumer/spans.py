"""A consumer span for each message, under the message's own trace, however it was batched.

It begins at the first try and ends when the message is settled: a decision, a dead letter, or given
back to the broker. Tries that fail on the way are events on it. What is emitted continues it.
"""

from collections.abc import Iterable
from time import monotonic
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from postbox.consumer.delivery import Delivery
from postbox.events import about, context_of_event
from postbox.telemetry import CONVERSATION, WAITED, context_of, is_traced, trace_id, tracer


class ProcessSpans:
    """The spans of one consumer. Where nobody traces, every method returns at once."""

    def __init__(self, queue: str, decision_attribute: str) -> None:
        self._queue = queue
        self._decision_attribute = decision_attribute

    def open(self, deliveries: Iterable[Delivery[Any]]) -> None:
        """Begin the span of each delivery that has none yet."""
        if not is_traced():
            return
        for delivery in deliveries:
            message = delivery.message
            if delivery.span is not None or message is None:
                continue
            event = message.event
            delivery.span = tracer.start_span(
                f"process {event.type}",
                context=context_of_event(event),
                kind=SpanKind.CONSUMER,
                attributes={
                    **self._attributes(delivery, event.id, event.subject),
                    WAITED: (monotonic() - delivery.arrived_s) * 1000,
                },
            )
            message.context = trace.set_span_in_context(delivery.span, Context())

    def decided(self, deliveries: Iterable[Delivery[Any]], outcomes: Iterable[str]) -> None:
        """Each was applied, with this outcome."""
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            if delivery.span is not None:
                delivery.span.set_attribute(self._decision_attribute, outcome)
                _end(delivery)

    def failed(self, delivery: Delivery[Any], error: Exception) -> None:
        """A try failed; the span goes on."""
        if delivery.span is not None:
            delivery.span.add_event(
                "try failed", {"try": delivery.failures, "error.type": type(error).__name__}
            )

    def set_aside(self, delivery: Delivery[Any], reason: str, text: str) -> None:
        """It lies in the dead queue; one that could not be read gets its only span here."""
        if not is_traced():
            return
        if delivery.span is None:
            headers = delivery.headers
            delivery.span = tracer.start_span(
                f"process {delivery.properties.message_type or 'message'}",
                context=context_of(
                    _text(headers.get("traceparent")), _text(headers.get("tracestate"))
                ),
                kind=SpanKind.CONSUMER,
                attributes=self._attributes(delivery, delivery.properties.message_id or "", None),
            )
        delivery.span.set_attribute(self._decision_attribute, "dead")
        delivery.span.set_attribute("postbox.dead.reason", reason)
        delivery.span.set_status(Status(StatusCode.ERROR, text))
        _end(delivery)

    def given_back(self, deliveries: Iterable[Delivery[Any]]) -> None:
        """They go back to the broker, which delivers them again."""
        for delivery in deliveries:
            if delivery.span is not None:
                delivery.span.add_event("given back")
                _end(delivery)

    def _attributes(
        self, delivery: Delivery[Any], event_id: str, subject: str | None
    ) -> dict[str, str | bool]:
        about_whom = {} if subject is None else {CONVERSATION: subject}
        return {
            "messaging.system": "rabbitmq",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": self._queue,
            "messaging.message.id": event_id,
            **about_whom,
            "postbox.redelivered": delivery.redelivered,
        }


def about_delivery(delivery: Delivery[Any]) -> dict[str, str | None]:
    """What a log line says of a delivery, which may be unreadable."""
    if delivery.message is not None:
        return about(delivery.message.event)
    return {
        "event_id": delivery.properties.message_id,
        "trace_id": trace_id(_text(delivery.headers.get("traceparent"))),
    }


def _end(delivery: Delivery[Any]) -> None:
    assert delivery.span is not None
    delivery.span.end()
    delivery.span = None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
