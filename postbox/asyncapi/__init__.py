"""An AsyncAPI 3.0 document of a topology and the classes of its events.

Guarantees that the document is valid, and the same for the same classes. Needs pydantic or msgspec.
Imports rabbitmq, events and errors.
"""

from postbox.asyncapi.document import asyncapi
from postbox.asyncapi.found import event_classes

__all__ = ["asyncapi", "event_classes"]
