"""Binary mode: the body is the data alone, and the attributes are headers.

Two bindings fit AMQP 0-9-1, told apart by the prefix of their headers: RabbitMQ's (`ce-`), and
that of AMQP 1.0 (`cloudEvents_`, or the older `cloudEvents:`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from postbox.errors import MalformedMessage
from postbox.events.cloudevents.attributes import SPEC_VERSION, event_of
from postbox.events.event import Event
from postbox.events.media_types import content

RABBITMQ: Final = "ce-"
AMQP: Final = "cloudEvents_"
WRITTEN_PREFIXES: Final = (RABBITMQ, AMQP)
PREFIXES: Final = (*WRITTEN_PREFIXES, "cloudEvents:")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def is_binary(headers: Mapping[str, Any]) -> str | None:
    """The prefix of the headers that make a message an event in binary mode; None without any."""
    return next((prefix for prefix in PREFIXES if f"{prefix}specversion" in headers), None)


def encode_binary(event: Event, prefix: str) -> tuple[bytes, dict[str, Any]]:
    """The body, and the headers that are the attributes; the content type is the message's own.

    TypeError if the data is not JSON.
    """
    return orjson.dumps(event.data), _headers(event, prefix)


def _headers(event: Event, prefix: str) -> dict[str, Any]:
    time = event.time_text or (event.time and _text_of(event.time))
    carried = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "time": time,
        "dataschema": event.dataschema,
        **event.extensions,
    }
    return {f"{prefix}{name}": value for name, value in carried.items() if value is not None}


def decode_binary(
    body: bytes, headers: Mapping[str, Any], content_type: str | None, prefix: str
) -> Event:
    """The event of a message whose headers have `prefix`. MalformedMessage says what is wrong."""
    attributes = {
        name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)
    }
    version = attributes["specversion"]
    if version != SPEC_VERSION:
        raise MalformedMessage(
            f"not a CloudEvent {SPEC_VERSION}: '{prefix}specversion' is {version!r}"
        )
    # Who hands the headers of the JavaScript SDK to a client has the content type among them.
    named = content_type or headers.get("content-type")
    attributes["datacontenttype"] = named if isinstance(named, str) else None
    if type(attributes.get("time")) is int:
        attributes["time"] = _at(attributes["time"])
    return event_of(attributes, content(body, attributes.get("datacontenttype")), headers)


def _at(milliseconds: int) -> datetime:
    """AMQP 1.0's timestamp, which the official SDKs send as a whole number."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise MalformedMessage(f"'time' is outside the calendar: {milliseconds} ms") from error


def _text_of(time: datetime) -> str:
    """As structured mode writes it."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
