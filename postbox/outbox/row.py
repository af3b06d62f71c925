"""The rows of an outbox: their states, their limit, and what an event makes of one."""

from datetime import timedelta

import orjson
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection

from postbox.errors import EventTooLarge, InvalidPayload
from postbox.events import Fact, json_value, partition
from postbox.mongo import Document, ensure_indexes

COLLECTION = "outbox"
PENDING, PUBLISHED, PARKED = "pending", "published", "parked"
"""The states of a row: to be published; published; never to be published as it is."""
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
TYPE_BYTES_MAX = 255
"""AMQP's limit for a routing key, which the type is."""
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
                "published_at",
                name=PUBLISHED,
                partialFilterExpression={"state": PUBLISHED},
                expireAfterSeconds=int((retention or RETENTION).total_seconds()),
            ),
        ],
        earlier={"published_at_1": {"published_at": ASCENDING}},
        keeps_expiry=retention is None,
    )


def outbox_row(fact: Fact, *, source: str) -> Document:
    """What a row says of `fact` alone, before it has an id, a time and a trace.

    InvalidPayload names what cannot go over the wire unaltered; EventTooLarge.
    """
    for name, text in (("type", fact.TYPE), ("subject", fact.subject), ("source", source)):
        if not text or not isinstance(text, str):
            raise InvalidPayload(name, "not a text, or an empty one")
        json_value(text, name)
    if len(fact.TYPE.encode()) > TYPE_BYTES_MAX:
        raise InvalidPayload("type", f"over {TYPE_BYTES_MAX} bytes")
    data = json_value(fact.data())
    if not isinstance(data, dict):
        raise InvalidPayload("data", "not an object")
    size = len(orjson.dumps(data))
    if size > EVENT_BYTES_MAX:
        raise EventTooLarge(
            f"{fact.TYPE} about {fact.subject} has {size:,} bytes of data; "
            f"the limit is {EVENT_BYTES_MAX:,}"
        )
    return {
        "type": fact.TYPE,
        "subject": fact.subject,
        "source": source,
        "data": data,
        "partition": partition(fact.subject),
        "state": PENDING,
    }
