"""Structured mode: the whole event is one JSON object."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

import orjson

from postbox.errors import MalformedMessage
from postbox.events.cloudevents.attributes import SPEC_VERSION, event_of
from postbox.events.event import Event
from postbox.events.media_types import content, media_type
from postbox.events.strict_json import loads

CONTENT_TYPE: Final = "application/cloudevents+json"
_ANY_FORMAT: Final = "application/cloudevents"


def is_structured(content_type: str | None) -> bool:
    """Whether the content type is that of a whole event, in JSON or another format."""
    return content_type is not None and media_type(content_type).startswith(_ANY_FORMAT)


def encode(event: Event) -> bytes:
    """The body of the message that carries `event`. TypeError if its data is not JSON."""
    document = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "time": event.time if event.time_text is None else event.time_text,
        "datacontenttype": event.datacontenttype,
        "data": event.data,
    }
    if event.extensions or event.dataschema is not None or event.data.__class__ is bytes:
        document = _complete(document, event)
    return orjson.dumps(document, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)


def _complete(document: dict[str, Any], event: Event) -> dict[str, Any]:
    """With what our own events do not have."""
    if isinstance(event.data, bytes):
        del document["data"]
        document["data_base64"] = b64encode(event.data).decode()
    return {**document, "dataschema": event.dataschema, **event.extensions}


def decode_structured(
    body: bytes, headers: Mapping[str, Any] | None, content_type: str | None
) -> Event:
    """Read a body back. MalformedMessage says what is wrong."""
    if content_type != CONTENT_TYPE:
        _check_format(content_type)
    document = loads(body)
    if not isinstance(document, dict) or document.get("specversion") != SPEC_VERSION:
        raise MalformedMessage(
            f"not a CloudEvent {SPEC_VERSION}: 'specversion' is missing or other"
        )
    data = document.get("data")
    if data is None or "data_base64" in document:
        data = _from_base64(document)
    return event_of(document, data, headers)


def _check_format(content_type: str | None) -> None:
    if is_structured(content_type) and media_type(content_type or "") != CONTENT_TYPE:
        raise MalformedMessage(f"a CloudEvent in another format than JSON: {content_type!r}")


def _from_base64(document: Mapping[str, Any]) -> Any:
    """As its content type says, where it names one; else bytes."""
    encoded = document.get("data_base64")
    if encoded is None:
        return document.get("data")
    if document.get("data") is not None:
        raise MalformedMessage("both 'data' and 'data_base64' are there")
    try:
        data = b64decode(encoded, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise MalformedMessage(f"'data_base64' is not base64: {error}") from error
    content_type = document.get("datacontenttype")
    return content(data, content_type) if isinstance(content_type, str) else data
