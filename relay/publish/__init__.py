"""Publishing: a bounded, ordered window of messages, and the sender that has them confirmed.

Guarantees that a message leaves the window only after its confirm, that none is in flight twice at
once, and that nothing is sent without the lease. Imports the relay's base files alone.
"""

from relay.publish.sender import Sender
from relay.publish.spans import PublishSpans
from relay.publish.window import Entry, Window

__all__ = [
    "Entry",
    "PublishSpans",
    "Sender",
    "Window",
]
