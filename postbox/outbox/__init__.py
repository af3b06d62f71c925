"""The outbox: events that commit with the state that they describe, or not at all.

Guarantees that a row exists if and only if its transaction committed, and that it expires only
after it was published. Imports events, mongo, runtime and telemetry.
"""

from postbox.outbox.outbox import Outbox
from postbox.outbox.reading import event_id, event_of_row
from postbox.outbox.row import (
    COLLECTION,
    COUNT_MAX,
    LENIENT,
    PARKED,
    PENDING,
    PUBLISHED,
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
    "Outbox",
    "Shard",
    "Source",
    "event_id",
    "event_of_row",
    "outbox_row",
    "prepare_rows",
]
