"""The rows of an outbox: their states, their limit, and what an event makes of one."""

import orjson
from bson.codec_options import CodecOptions, DatetimeConversion

from postbox.errors import EventTooLarge
from postbox.events import Fact, partition
from postbox.mongo import Document

COLLECTION = "outbox"
PENDING, PUBLISHED, PARKED = "pending", "published", "parked"
"""The states of a row: it is owed; it went out; it never can, as it is."""
COUNT_MAX = 100_000
"""Rows are counted up to here: looking must not cost more the further behind a relay is."""
LENIENT: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="surrogateescape",
)
"""To read rows with: one that is no proper BSON must not fail all those that are read with it."""
EVENT_BYTES_MAX = 256 * 1024


def outbox_row(fact: Fact, *, source: str) -> Document:
    """What a row says of `fact` alone, before it has an id, a time and a trace."""
    data = fact.data()
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
