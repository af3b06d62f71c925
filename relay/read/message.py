"""From a row to the message that carries it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from postbox.events import Event, cloudevents
from postbox.rabbitmq import EXCHANGE, Outgoing
from relay.errors import Unpublishable

BODY_BYTES_MAX: Final = 1024 * 1024
SHORT_TEXT_BYTES_MAX: Final = 255
"""AMQP's limit for a routing key and for a message id."""

TRACE_CHARACTERS_MAX: Final = 512
_TEXTS: Final = ("_id", "type", "subject", "source")


def message_of(row: Mapping[str, Any], *, exchange: str = EXCHANGE) -> Outgoing:
    """The message of a row. Unpublishable where it lacks a field or cannot go over the wire."""
    event = _event_of(row)
    try:
        body = cloudevents.encode(event)
    except TypeError as error:
        raise Unpublishable(f"it cannot be encoded as JSON: {error}") from error
    if len(body) > BODY_BYTES_MAX:
        raise Unpublishable(f"its body has {len(body):,} bytes; the limit is {BODY_BYTES_MAX:,}")
    headers = {"traceparent": event.traceparent} if event.traceparent else {}
    if event.tracestate:
        headers["tracestate"] = event.tracestate
    return Outgoing(
        exchange=exchange,
        routing_key=event.type,
        message_id=event.id,
        body=body,
        content_type=cloudevents.CONTENT_TYPE,
        type=event.type,
        headers=headers,
    )


def _event_of(row: Mapping[str, Any]) -> Event:
    get = row.get
    for name in _TEXTS:
        value = get(name)
        if not isinstance(value, str) or not value:
            raise Unpublishable(f"'{name}' must be a non-empty string")
    for name in ("_id", "type"):
        if len(row[name].encode(errors="replace")) > SHORT_TEXT_BYTES_MAX:
            raise Unpublishable(f"'{name}' is over {SHORT_TEXT_BYTES_MAX} bytes")
    time = get("time")
    if not isinstance(time, datetime):
        raise Unpublishable("'time' must be a date")
    data = get("data")
    if not isinstance(data, dict):
        raise Unpublishable("'data' must be an object")
    return Event(
        id=row["_id"],
        type=row["type"],
        subject=row["subject"],
        source=row["source"],
        time=time,
        data=data,
        traceparent=_context(get("traceparent")),
        tracestate=_context(get("tracestate")),
    )


def _context(value: object) -> str | None:
    """A part of the trace context, if it is fit for a header: it must not cost us the event."""
    if isinstance(value, str) and value.isascii() and len(value) <= TRACE_CHARACTERS_MAX:
        return value
    return None
