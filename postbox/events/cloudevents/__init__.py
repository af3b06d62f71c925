"""CloudEvents 1.0, in structured JSON and in both binary forms, for any event of any application.

Our own events go out in either mode; what comes in may be any valid event, whoever wrote it.
"""

from collections.abc import Mapping
from typing import Any

from postbox.events.cloudevents.attributes import SPEC_VERSION
from postbox.events.cloudevents.binary import (
    WRITTEN_PREFIXES,
    decode_binary,
    encode_binary,
    is_binary,
)
from postbox.events.cloudevents.structured import (
    CONTENT_TYPE,
    decode_structured,
    encode,
    is_structured,
)
from postbox.events.event import Event

__all__ = [
    "CONTENT_TYPE",
    "SPEC_VERSION",
    "WRITTEN_PREFIXES",
    "decode",
    "encode",
    "encode_binary",
    "is_declared",
    "message_headers",
]


def decode(
    body: bytes, headers: Mapping[str, Any] | None = None, content_type: str | None = None
) -> Event:
    """The event of a message, in whichever mode. MalformedMessage says what is wrong.

    A message that does not say that it is a CloudEvent is read as one in structured JSON.
    """
    if content_type != CONTENT_TYPE and headers and not is_structured(content_type):
        prefix = is_binary(headers)
        if prefix is not None:
            return decode_binary(body, headers, content_type, prefix)
    return decode_structured(body, headers, content_type)


def is_declared(headers: Mapping[str, Any], content_type: str | None) -> bool:
    """Whether a message says that it is a CloudEvent."""
    return is_structured(content_type) or is_binary(headers) is not None


def message_headers(event: Event) -> dict[str, Any]:
    """The headers of the message that carries `event`, in any mode: its own, and its trace."""
    trace = {"traceparent": event.traceparent, "tracestate": event.tracestate}
    return {**event.headers, **{name: value for name, value in trace.items() if value}}
