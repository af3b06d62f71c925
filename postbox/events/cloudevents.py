"""CloudEvents 1.0 in structured JSON: the one wire format, for any event of any application."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from postbox.errors import MalformedMessage
from postbox.events.event import Event

CONTENT_TYPE = "application/cloudevents+json"
SPEC_VERSION = "1.0"
_REQUIRED_TEXT = ("id", "type", "source", "subject", "time")


def encode(event: Event) -> bytes:
    """The body of the message that carries `event`. TypeError if its data is not JSON."""
    return orjson.dumps(
        {
            "specversion": SPEC_VERSION,
            "id": event.id,
            "type": event.type,
            "source": event.source,
            "subject": event.subject,
            "time": event.time,
            "datacontenttype": "application/json",
            "data": event.data,
        },
        option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z,
    )


def trace_headers(event: Event) -> dict[str, str]:
    """The headers of the message that carries `event`."""
    carried = {"traceparent": event.traceparent, "tracestate": event.tracestate}
    return {name: value for name, value in carried.items() if value}


def decode(body: bytes, headers: Mapping[str, Any] | None = None) -> Event:
    """Read a body back; trace context is in the headers. MalformedMessage says what is wrong."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedMessage(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("specversion") != SPEC_VERSION:
        raise MalformedMessage(
            f"not a CloudEvent {SPEC_VERSION}: 'specversion' is missing or other"
        )
    for name in _REQUIRED_TEXT:
        if not isinstance(document.get(name), str) or not document[name]:
            raise MalformedMessage(f"'{name}' must be a non-empty string")
    if not isinstance(document.get("data"), dict):
        raise MalformedMessage("'data' must be an object")
    try:
        time = datetime.fromisoformat(document["time"])
    except ValueError as error:
        raise MalformedMessage(f"'time' is not RFC 3339: {document['time']!r}") from error
    if time.tzinfo is None:
        raise MalformedMessage(f"'time' has no offset from UTC: {document['time']!r}")
    return Event(
        id=document["id"],
        type=document["type"],
        subject=document["subject"],
        source=document["source"],
        time=time,
        data=document["data"],
        traceparent=_text(headers, "traceparent"),
        tracestate=_text(headers, "tracestate"),
    )


def _text(headers: Mapping[str, Any] | None, name: str) -> str | None:
    value = (headers or {}).get(name)
    return value if isinstance(value, str) else None
