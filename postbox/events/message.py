"""What a received message is to whoever handles it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from opentelemetry.context import Context

from postbox.events.event import Event

T = TypeVar("T")


@dataclass(slots=True)
class Message(Generic[T]):
    """An event as a handler gets it: the envelope, the decoded fact, and its trace."""

    event: Event
    fact: T
    context: Context
