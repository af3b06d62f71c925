"""What an event is, and what a received message is: identity, envelope, partition, wire format.

Guarantees that an event reads back from the wire as it was written, and that all events of one
subject share a partition in every process. Does no I/O. Imports telemetry and errors.
"""

from postbox.events import cloudevents
from postbox.events.event import PARTITIONS, Event, Fact, new_id, partition
from postbox.events.message import Message
from postbox.events.payload import json_value
from postbox.events.trace import about, context_of_event

__all__ = [
    "PARTITIONS",
    "Event",
    "Fact",
    "Message",
    "about",
    "cloudevents",
    "context_of_event",
    "json_value",
    "new_id",
    "partition",
]
