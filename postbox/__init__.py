"""A transactional outbox and inbox for services on MongoDB and RabbitMQ.

What is named here is the public interface, with `postbox.testing` for the tests of what is built on
it; the modules beneath may change with any version.

The core is imported at once and needs MongoDB's driver alone:

- `event` makes a class of yours an event; `decode` reads one back from an event's data.
- `transaction` and `Outbox` emit events with the state that they describe.
- `Inbox` and `States` apply an event once in effect.
- `Decoder` and `Received` take messages that are no CloudEvents; ready ones are in
  `postbox.decoders`.
- `TryAgain`, `SetAside` and `Crash` say by their type what a consumer does about an error.

The rest is imported on first use, and says which extra to install where that is missing:

- `Topology` and `ConsumerOptions` (extra `rabbitmq`) describe queues and how they are consumed.
- `Service` (extra `service`) wires a database, queues and an HTTP edge; `run` is a program's life
  around it, and `GroupCommit` has requests that arrive together share one transaction.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from postbox.errors import (
    Crash,
    DeclarationError,
    InvalidMessage,
    MalformedMessage,
    PostboxError,
    SetAside,
    TryAgain,
)
from postbox.events import AnyFact, Decoder, Event, Fact, Message, Received
from postbox.events.classes import decode, event
from postbox.inbox import Decided, Handler, Inbox
from postbox.mongo import Session, States, transaction
from postbox.outbox import Outbox

if TYPE_CHECKING:
    from postbox.consumer import ConsumerOptions
    from postbox.rabbitmq import Topology
    from postbox.service import GroupCommit, Service, Submission, run

__all__ = [
    "AnyFact",
    "ConsumerOptions",
    "Crash",
    "Decided",
    "DeclarationError",
    "Decoder",
    "Event",
    "Fact",
    "GroupCommit",
    "Handler",
    "Inbox",
    "InvalidMessage",
    "MalformedMessage",
    "Message",
    "Outbox",
    "PostboxError",
    "Received",
    "Service",
    "Session",
    "SetAside",
    "States",
    "Submission",
    "Topology",
    "TryAgain",
    "decode",
    "event",
    "run",
    "transaction",
]

_ON_FIRST_USE: Final = {
    "ConsumerOptions": "postbox.consumer",
    "Topology": "postbox.rabbitmq",
    "GroupCommit": "postbox.service",
    "Service": "postbox.service",
    "Submission": "postbox.service",
    "run": "postbox.service",
}


def __getattr__(name: str) -> object:
    """Import what needs an extra when it is first asked for. MissingExtra where it is missing."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'postbox' has no attribute {name!r}")
    value = getattr(import_module(_ON_FIRST_USE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
