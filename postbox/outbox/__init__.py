"""The outbox: events that commit with the state that they describe, or not at all.

Guarantees that a row exists if and only if its transaction committed, and that it expires only
after it was published. Imports events, mongo, runtime and telemetry.
"""

from postbox.outbox.fields import Fields
from postbox.outbox.memory import MemorySession
from postbox.outbox.outbox import Outbox, OutboxRules
from postbox.outbox.reading import (
    event_id,
    event_of_row,
    made_at,
    partition_of,
    routing_key_of,
    row_ids,
)
from postbox.outbox.row import (
    CHECKPOINTS,
    CLAIM,
    COLLECTION,
    COUNT_MAX,
    LENIENT,
    PARKED,
    PENDING,
    PUBLISHED,
    SCHEDULED,
    STATE_BY_TIME,
    STATELESS,
    outbox_row,
    prepare_rows,
    sending,
)
from postbox.outbox.row_schema import VALIDATOR, install_schema
from postbox.outbox.source import Shard, Source, beside

__all__ = [
    "CHECKPOINTS",
    "CLAIM",
    "COLLECTION",
    "COUNT_MAX",
    "LENIENT",
    "PARKED",
    "PENDING",
    "PUBLISHED",
    "SCHEDULED",
    "STATELESS",
    "STATE_BY_TIME",
    "VALIDATOR",
    "Fields",
    "MemorySession",
    "Outbox",
    "OutboxRules",
    "Shard",
    "Source",
    "beside",
    "event_id",
    "event_of_row",
    "install_schema",
    "made_at",
    "outbox_row",
    "partition_of",
    "prepare_rows",
    "routing_key_of",
    "row_ids",
    "sending",
]
