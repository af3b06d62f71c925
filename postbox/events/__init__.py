"""postbox.events"""

from postbox.events import cloudevents
from postbox.events.event import Event, Fact, new_id, partition
from postbox.events.message import Message
from postbox.events.trace import about, context_of_event

__all__ = [
    "Event",
    "Fact",
    "Message",
    "about",
    "cloudevents",
    "context_of_event",
    "new_id",
    "partition",
]
