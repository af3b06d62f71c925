"""Publishing: the window of what is under way, and the sender that empties it.

Guarantees that a message is in flight at most once at a time, and that what a lost connection left
unconfirmed is sent again. Imports what all rooms share.
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
