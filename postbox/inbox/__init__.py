"""The inbox: each event is applied once in effect, however often it is delivered.

Guarantees that the inbox row, the states and the outgoing events of a message commit together.
Imports outbox and what that imports.
"""

from postbox.inbox.apply import DUPLICATE, Apply, Decided, Handler
from postbox.inbox.event_handlers import EventHandler, EventHandlers, Outgoing, Reaction
from postbox.inbox.inbox import Inbox, InboxRules

__all__ = [
    "DUPLICATE",
    "Apply",
    "Decided",
    "EventHandler",
    "EventHandlers",
    "Handler",
    "Inbox",
    "InboxRules",
    "Outgoing",
    "Reaction",
]
