"""postbox.outbox"""

from postbox.outbox.outbox import Outbox
from postbox.outbox.row import (
    COLLECTION,
    COUNT_MAX,
    LENIENT,
    PARKED,
    PENDING,
    PUBLISHED,
    outbox_row,
)
from postbox.outbox.source import Shard, Source

__all__ = [
    "COLLECTION",
    "COUNT_MAX",
    "LENIENT",
    "PARKED",
    "PENDING",
    "PUBLISHED",
    "Outbox",
    "Shard",
    "Source",
    "outbox_row",
]
