"""From a row, whoever wrote it, to the event that it is.

Another producer's row needs only `type`, `subject` and `data`: its id goes out as its usual text. A
field that is null counts as missing. The relay writes a missing time, state and partition down
before it sends the row, so that every later reading of it is the same event.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from bson import Binary, ObjectId
from bson.binary import UUID_SUBTYPE

from postbox.errors import InvalidPayload
from postbox.events import PARTITIONS, Event, checked_headers, json_value, partition
from postbox.outbox.row import SCHEDULED

SHORT_TEXT_BYTES_MAX: Final = 255
"""AMQP's limit for a routing key and for a message id."""
UTF8_BYTES_MAX: Final = 4
"""Of one character."""
TRACE_CHARACTERS_MAX: Final = 512
UUID_BYTES: Final = 16
ID_CHARACTERS_MAX: Final = 100
"""So much of an odd id is in an error."""
TIMED_UUID: Final = 7
_TIME_SHIFT: Final = 80


def event_id(row_id: object) -> str | None:
    """The text that a row's id goes out as; None for an id that has no usual text."""
    if isinstance(row_id, str):
        return row_id
    if isinstance(row_id, ObjectId | UUID):
        return str(row_id)
    if isinstance(row_id, Binary) and row_id.subtype == UUID_SUBTYPE and len(row_id) == UUID_BYTES:
        return str(UUID(bytes=bytes(row_id)))
    return None


def row_ids(id: str) -> list[object]:
    """The ids that a row may have of which the event's id is `id`."""
    ids: list[object] = [id]
    if ObjectId.is_valid(id):
        ids.append(ObjectId(id))
    with suppress(ValueError):
        ids.append(Binary(UUID(id).bytes, UUID_SUBTYPE))
    return ids


def made_at(row_id: object) -> datetime | None:
    """When an id was made, which an ObjectId and a UUIDv7 say."""
    if isinstance(row_id, ObjectId):
        return row_id.generation_time
    with suppress(ValueError):
        uuid = UUID(event_id(row_id) or "")
        if uuid.version == TIMED_UUID:
            return datetime.fromtimestamp((uuid.int >> _TIME_SHIFT) / 1000, UTC)
    return None


def partition_of(row: Mapping[str, Any]) -> int:
    """The partition that a row names, else that of its subject."""
    named: Any = row.get("partition")
    subject = row.get("subject")
    is_number = isinstance(named, int | float) and not isinstance(named, bool)
    if is_number and 0 <= named < PARTITIONS:
        return int(named)
    return partition(subject) if isinstance(subject, str) else 0


def event_of_row(row: Mapping[str, Any], *, source: str, inserted_at: datetime | None) -> Event:
    """The event of a row. InvalidPayload names the field that keeps it from going out.

    `source` and `inserted_at` stand for those that the row does not have.
    """
    get = row.get
    id_ = event_id(row["_id"])
    if id_ is None:
        odd = repr(row["_id"])[:ID_CHARACTERS_MAX]
        raise InvalidPayload("_id", f"neither text, nor a UUID, nor an ObjectId: {odd}")
    type_ = _short_text(get("type"), "type")
    data = json_value(get("data"))
    if not isinstance(data, dict):
        raise InvalidPayload("data", "not an object")
    deliver_at = get("deliver_at")
    is_now = deliver_at is None and get("state") != SCHEDULED
    if not is_now and not isinstance(deliver_at, datetime):
        raise InvalidPayload("deliver_at", "not a date")
    headers = get("headers")
    source_ = get("source")
    return Event(
        id=_short_text(id_, "_id"),
        type=type_,
        subject=_text(get("subject"), "subject"),
        source=_text(source if source_ is None else source_, "source"),
        time=_time(row, inserted_at),
        data=data,
        traceparent=_context(get("traceparent")),
        tracestate=_context(get("tracestate")),
        headers={} if headers is None else checked_headers(headers),
    )


def routing_key_of(row: Mapping[str, Any]) -> str:
    """The routing key of a row: its own, else its type. InvalidPayload where it is none."""
    own = row.get("routing_key")
    return row["type"] if own is None else _short_text(own, "routing_key")


def _short_text(value: object, path: str) -> str:
    text = _text(value, path)
    if len(text) * UTF8_BYTES_MAX > SHORT_TEXT_BYTES_MAX < len(text.encode()):
        raise InvalidPayload(path, f"over {SHORT_TEXT_BYTES_MAX} bytes")
    return text


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidPayload(path, "not a text, or an empty one")
    if not value.isascii():
        json_value(value, path)
    return value


def _time(row: Mapping[str, Any], inserted_at: datetime | None) -> datetime:
    time = row.get("time")
    if time is None:
        time = inserted_at
    if not isinstance(time, datetime):
        raise InvalidPayload("time", "not a date")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _context(value: object) -> str | None:
    """A part of the trace context, if it is fit for a header: it must not cost us the event."""
    if isinstance(value, str) and value.isascii() and len(value) <= TRACE_CHARACTERS_MAX:
        return value
    return None
