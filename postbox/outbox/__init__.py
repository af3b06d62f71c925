"""The outbox: events that commit with the state that they describe, or not at all.

Guarantees that a row exists if and only if its transaction committed, and that it expires only
after it was published. Imports events, mongo, runtime and telemetry.
"""

from postbox.outbox.outbox import Outbox
from postbox.outbox.reading import event_id, event_of_row, made_at, partition_of, row_ids
from postbox.outbox.row import (
    COLLECTION,
    COUNT_MAX,
    LENIENT,
    PARKED,
    PENDING,
    PUBLISHED,
    STATELESS,
    outbox_row,
    prepare_rows,
)
from postbox.outbox.source import Shard, Source

__all__ = [
    "COLLECTION",
    "COUNT_MAX",
    "LENIENT",
    "PARKED",
    "PENDING",
    "PUBLISHED",
    "STATELESS",
    "Outbox",
    "Shard",
    "Source",
    "event_id",
    "event_of_row",
    "made_at",
    "outbox_row",
    "partition_of",
    "prepare_rows",
    "row_ids",
]
