"""postbox.inbox"""

from postbox.inbox.apply import DUPLICATE, Apply, Decided, Handler
from postbox.inbox.inbox import Inbox

__all__ = [
    "DUPLICATE",
    "Apply",
    "Decided",
    "Handler",
    "Inbox",
]
