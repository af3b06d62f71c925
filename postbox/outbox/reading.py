"""From a row, whoever wrote it, to the event that it is.

Another producer's row needs only `type`, `subject` and `data`: its id goes out as its usual text,
and what is missing is filled in. Guarantees the same event whichever way the row is read, but for
a missing time, which is the server's own time of the insert as far as the reader knows it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from bson import Binary, ObjectId
from bson.binary import UUID_SUBTYPE

from postbox.errors import InvalidPayload
from postbox.events import Event, json_value

SHORT_TEXT_BYTES_MAX: Final = 255
"""AMQP's limit for a routing key and for a message id."""
TRACE_CHARACTERS_MAX: Final = 512
UUID_BYTES: Final = 16


def event_id(row_id: object) -> str | None:
    """The text that a row's id goes out as; None for an id that has no usual text."""
    if isinstance(row_id, str):
        return row_id
    if isinstance(row_id, ObjectId | UUID):
        return str(row_id)
    if isinstance(row_id, Binary) and row_id.subtype == UUID_SUBTYPE and len(row_id) == UUID_BYTES:
        return str(UUID(bytes=bytes(row_id)))
    return None


def event_of_row(row: Mapping[str, Any], *, source: str, inserted_at: datetime | None) -> Event:
    """The event of a row. InvalidPayload names the field that keeps it from going out.

    `source` and `inserted_at` stand for those that the row does not have. An ObjectId says when it
    was made, which comes before `inserted_at`.
    """
    get = row.get
    id_ = event_id(row["_id"])
    if id_ is None:
        raise InvalidPayload("_id", f"neither text, nor a UUID, nor an ObjectId: {row['_id']!r}")
    type_ = _text(get("type"), "type")
    for name, value in (("_id", id_), ("type", type_)):
        if len(_text(value, name).encode()) > SHORT_TEXT_BYTES_MAX:
            raise InvalidPayload(name, f"over {SHORT_TEXT_BYTES_MAX} bytes")
    data = get("data")
    if not isinstance(data, dict):
        raise InvalidPayload("data", "not an object")
    return Event(
        id=id_,
        type=type_,
        subject=_text(get("subject"), "subject"),
        source=_text(get("source", source), "source"),
        time=_time(row, inserted_at),
        data=json_value(data),
        traceparent=_context(get("traceparent")),
        tracestate=_context(get("tracestate")),
    )


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidPayload(path, "not a text, or an empty one")
    text: str = json_value(value, path)
    return text


def _time(row: Mapping[str, Any], inserted_at: datetime | None) -> datetime:
    time = row.get("time", inserted_at)
    if time is None and isinstance(row["_id"], ObjectId):
        time = row["_id"].generation_time
    if not isinstance(time, datetime):
        raise InvalidPayload("time", "not a date")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _context(value: object) -> str | None:
    """A part of the trace context, if it is fit for a header: it must not cost us the event."""
    if isinstance(value, str) and value.isascii() and len(value) <= TRACE_CHARACTERS_MAX:
        return value
    return None
