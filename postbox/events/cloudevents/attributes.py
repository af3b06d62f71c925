"""From the attributes of a CloudEvent, however they came, to the event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from postbox.errors import MalformedMessage
from postbox.events.event import Event, event
from postbox.events.headers import application_headers
from postbox.events.rfc3339 import read_time

SPEC_VERSION: Final = "1.0"
_NAMED: Final = frozenset(
    {
        *("specversion", "id", "type", "source", "subject", "time"),
        *("datacontenttype", "dataschema", "data", "data_base64"),
    }
)
"""What has a place of its own in an Event; the rest are extensions."""
_REQUIRED: Final = ("id", "type", "source")
_OPTIONAL: Final = ("subject", "datacontenttype", "dataschema")


def event_of(
    attributes: Mapping[str, Any], data: object, headers: Mapping[str, Any] | None
) -> Event:
    """The event; an attribute that is null counts as missing. MalformedMessage names a wrong one.

    The trace is that of the headers, else that of the extensions of the same names.
    """
    get = attributes.get
    id_, type_, source, subject = get("id"), get("type"), get("source"), get("subject")
    content_type, schema = get("datacontenttype"), get("dataschema")
    if not (
        id_ and type_ and source
        and id_.__class__ is type_.__class__ is source.__class__ is str
        and (subject is None or (subject and subject.__class__ is str))
        and (content_type is None or (content_type and content_type.__class__ is str))
        and (schema is None or (schema and schema.__class__ is str))
    ):  # fmt: skip
        raise MalformedMessage(_wrong(attributes))
    time, time_text = get("time"), None
    if time.__class__ is str:
        time, time_text = read_time(time)
    elif not (time is None or (isinstance(time, datetime) and time.tzinfo is not None)):
        raise MalformedMessage("'time' must be an RFC 3339 time")
    traceparent = tracestate = None
    if headers:
        traceparent, tracestate = headers.get("traceparent"), headers.get("tracestate")
    extensions: dict[str, Any] = {}
    if not _NAMED.issuperset(attributes):
        extensions = _extensions(attributes)
        if type(traceparent) is not str:
            traceparent, tracestate = extensions.get("traceparent"), extensions.get("tracestate")
    return event(
        id_, type_, source, subject, time, data, content_type, schema, time_text, extensions,
        traceparent if traceparent.__class__ is str else None,
        tracestate if tracestate.__class__ is str else None,
        application_headers(headers),
    )  # fmt: skip


def _extensions(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in attributes.items()
        if name not in _NAMED and value is not None
    }


def _wrong(attributes: Mapping[str, Any]) -> str:
    for name in (*_REQUIRED, *_OPTIONAL):
        value = attributes.get(name)
        if (value is not None or name in _REQUIRED) and not (isinstance(value, str) and value):
            return f"'{name}' must be a non-empty string"
    return "an attribute is of a subclass of str"
