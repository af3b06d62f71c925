"""What a received message is: as it came, and to whoever handles it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from opentelemetry.context import Context

from postbox.events.event import Event

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True)
class Message(Generic[T]):
    """An event as a handler gets it: the envelope, the decoded fact, and its trace."""

    event: Event
    fact: T
    context: Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as it came, before anybody has said what it is; None is a property it lacks."""

    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    routing_key: str = ""
    """The one that it was published with, also where it was redriven."""
    content_type: str | None = None
    message_id: str | None = None
    type: str | None = None
    app_id: str | None = None
    correlation_id: str | None = None
    timestamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decoder(Generic[T_co]):
    """Decodes a queue in which there are messages that are no CloudEvents.

    `read` finds the event in such a message, and `fact` makes of an event what the handler works
    with, whichever way it came. Whatever they raise sets the message aside: MalformedMessage and
    InvalidMessage with their reasons, anything else as invalid.
    """

    read: Callable[[Received], Event]
    fact: Callable[[Event], T_co]

    def __call__(self, event: Event) -> T_co:
        return self.fact(event)
