"""What an event is, and what a received message is: identity, envelope, partition, wire format.

Guarantees that an event reads back from the wire as it was written, and that all events of one
subject share a partition in every process. `events.classes` is the other door. Does no I/O. Imports
telemetry and errors.
"""

from postbox.events import cloudevents, strict_json
from postbox.events.classes import (
    AnyFact,
    check_class,
    content_of,
    decode,
    is_fact,
    type_of,
)
from postbox.events.event import JSON, PARTITIONS, TYPE_BYTES_MAX, Event, Fact, new_id, partition
from postbox.events.headers import application_headers, checked_headers
from postbox.events.media_types import content
from postbox.events.message import Decoder, Message, Received
from postbox.events.payload import json_value
from postbox.events.rfc3339 import read_time
from postbox.events.trace import about, context_of_event

__all__ = [
    "JSON",
    "PARTITIONS",
    "TYPE_BYTES_MAX",
    "AnyFact",
    "Decoder",
    "Event",
    "Fact",
    "Message",
    "Received",
    "about",
    "application_headers",
    "check_class",
    "checked_headers",
    "cloudevents",
    "content",
    "content_of",
    "context_of_event",
    "decode",
    "is_fact",
    "json_value",
    "new_id",
    "partition",
    "read_time",
    "strict_json",
    "type_of",
]
