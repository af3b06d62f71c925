"""relay.publish"""

from relay.publish.sender import Sender
from relay.publish.spans import PublishSpans
from relay.publish.window import Entry, Window

__all__ = [
    "Entry",
    "PublishSpans",
    "Sender",
    "Window",
]
