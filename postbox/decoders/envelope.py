"""The event of a message by its own properties, for what its body does not say."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from postbox.errors import MalformedMessage
from postbox.events import Event, Received, application_headers

SOURCE_UNKNOWN = "amqp"
"""The source of an event whose message names none."""


def event_from(
    received: Received,
    *,
    id: object,
    data: Any,
    type: str | None = None,
    subject: object = None,
    source: str | None = None,
    time: datetime | None = None,
    time_text: str | None = None,
    extensions: dict[str, Any] | None = None,
    traceparent: object = None,
    envelope: Collection[str] = (),
) -> Event:
    """What is not given is the message's: `type`, else its routing key, `app_id`, `timestamp`.

    Its headers are the event's, but for those of the `envelope`.

    MalformedMessage where there is no id or no type.
    """
    headers = received.headers
    own = application_headers(headers)
    return Event(
        id=_text(id, "id"),
        type=_text(type or received.type or received.routing_key, "type"),
        source=source or received.app_id or SOURCE_UNKNOWN,
        subject=subject if isinstance(subject, str) and subject else None,
        time=time or received.timestamp,
        time_text=time_text,
        data=data,
        datacontenttype=received.content_type,
        extensions=extensions or {},
        traceparent=_text_or_none(headers.get("traceparent", traceparent)),
        tracestate=_text_or_none(headers.get("tracestate")),
        headers={name: own[name] for name in own if name not in envelope},
    )


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise MalformedMessage(f"the message has no {name}")
    return value


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
