"""The rows of an outbox: their states, their limit, and what an event makes of one."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection

from postbox.errors import EventTooLarge, InvalidPayload
from postbox.events import (
    TYPE_BYTES_MAX,
    AnyFact,
    checked_headers,
    content_of,
    json_value,
    partition,
)
from postbox.mongo import Document, ensure_indexes

COLLECTION = "outbox"
CHECKPOINTS = "relay_checkpoint"
"""How far the relays of an outbox are, and who they are."""
PENDING, PUBLISHED, PARKED = "pending", "published", "parked"
"""The states of a row: to be published; published; never to be published as it is."""
SCHEDULED = "scheduled"
"""To be published at its `deliver_at`; so it stays until it was."""
CLAIM = "claim"
"""The field by which a scheduled row says that a relay publishes it just now."""
STATELESS = "stateless"
"""The index of rows without a state, which are pending too. The relay gives them one."""
COUNT_MAX = 100_000
"""Rows are counted up to here: looking must not cost more the further behind a relay is."""
LENIENT: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="surrogateescape",
)
"""To read rows with: one that is no proper BSON must not fail all those that are read with it."""
EVENT_BYTES_MAX = 256 * 1024
STATE_BY_TIME: Final[Mapping[str, Any]] = {
    "$cond": [{"$gt": ["$deliver_at", "$$NOW"]}, SCHEDULED, PENDING]
}
"""The state of a row that is to be published, by the database's clock."""
RETENTION = timedelta(days=7)


async def prepare_rows(
    rows: AsyncCollection[Document], *, retention: timedelta | None = None
) -> None:
    """Make an outbox's collection and indexes. `retention`: None keeps what is there, else 7 days.

    Each index holds rows of one state alone, so that a new row has a single key to be made.
    """
    oldest_first = [("state", ASCENDING), ("time", ASCENDING), ("_id", ASCENDING)]
    await ensure_indexes(
        rows,
        [
            IndexModel(oldest_first, name=PENDING, partialFilterExpression={"state": PENDING}),
            IndexModel(
                [("state", ASCENDING), ("_id", ASCENDING)],
                name=STATELESS,
                partialFilterExpression={"state": None},
            ),
            IndexModel(oldest_first, name=PARKED, partialFilterExpression={"state": PARKED}),
            IndexModel(
                [("state", ASCENDING), ("deliver_at", ASCENDING), ("_id", ASCENDING)],
                name=SCHEDULED,
                partialFilterExpression={"state": SCHEDULED},
            ),
            IndexModel(
                "published_at",
                name=PUBLISHED,
                partialFilterExpression={"state": PUBLISHED},
                expireAfterSeconds=int((retention or RETENTION).total_seconds()),
            ),
        ],
        earlier={"published_at_1": {"published_at": ASCENDING}},
        keeps_expiry=retention is None,
    )


def outbox_row(fact: AnyFact, *, source: str) -> Document:
    """What a row says of `fact` alone, before it has an id, a time and a trace.

    InvalidPayload names what cannot go over the wire unaltered; EventTooLarge.
    """
    type_, subject, content = content_of(fact)
    for name, text in (("type", type_), ("subject", subject), ("source", source)):
        if not text or not isinstance(text, str):
            raise InvalidPayload(name, "not a text, or an empty one")
        json_value(text, name)
    _check_length(type_, "type")
    data = json_value(content)
    if not isinstance(data, dict):
        raise InvalidPayload("data", "not an object")
    size = len(orjson.dumps(data))
    if size > EVENT_BYTES_MAX:
        raise EventTooLarge(
            f"{type_} about {subject} has {size:,} bytes of data; the limit is {EVENT_BYTES_MAX:,}"
        )
    return {
        "type": type_,
        "subject": subject,
        "source": source,
        "data": data,
        "partition": partition(subject),
        "state": PENDING,
    }


def sending(
    *,
    headers: Mapping[str, Any] | None,
    deliver_at: datetime | None,
    routing_key: str | None,
    now: datetime,
) -> Document:
    """What a row says of how and when its event is sent, where that is not the usual.

    InvalidPayload names what cannot be sent so.
    """
    fields: Document = {}
    if headers:
        fields["headers"] = checked_headers(headers)
    if routing_key is not None:
        if not isinstance(routing_key, str) or not routing_key:
            raise InvalidPayload("routing_key", "not a text, or an empty one")
        json_value(routing_key, "routing_key")
        _check_length(routing_key, "routing_key")
        fields["routing_key"] = routing_key
    if deliver_at is not None:
        if not isinstance(deliver_at, datetime) or deliver_at.utcoffset() is None:
            raise InvalidPayload("deliver_at", "not a datetime with a time zone")
        json_value(deliver_at, "deliver_at")
        fields["deliver_at"] = deliver_at
        fields["state"] = SCHEDULED if deliver_at > now else PENDING
    return fields


def _check_length(text: str, name: str) -> None:
    if len(text.encode()) > TYPE_BYTES_MAX:
        raise InvalidPayload(name, f"over {TYPE_BYTES_MAX} bytes")
