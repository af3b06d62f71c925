"""A transactional outbox and inbox for services on MongoDB and RabbitMQ.

What is named here is the public interface, with `postbox.testing` for the tests of what is built on
it; the modules beneath may change with any version.

- `Service` wires a database, queues and an HTTP edge; `run` is a program's life around it.
- `transaction` and `Service.outbox` emit a `Fact` with the state it speaks of.
- `Service.consume` applies each `Message` once in effect; its handler answers with `Decided`.
- `GroupCommit` has requests that arrive together share one transaction.
- `TryAgain`, `SetAside` and `Crash` say by their type what is to be done about an error.
"""

from postbox.consumer import ConsumerOptions
from postbox.errors import Crash, InvalidMessage, PostboxError, SetAside, TryAgain
from postbox.events import Event, Fact, Message
from postbox.inbox import Decided, Handler
from postbox.mongo import Session, States, transaction
from postbox.outbox import Outbox
from postbox.rabbitmq import Topology
from postbox.service import GroupCommit, Service, Submission, run

__all__ = [
    "ConsumerOptions",
    "Crash",
    "Decided",
    "Event",
    "Fact",
    "GroupCommit",
    "Handler",
    "InvalidMessage",
    "Message",
    "Outbox",
    "PostboxError",
    "Service",
    "Session",
    "SetAside",
    "States",
    "Submission",
    "Topology",
    "TryAgain",
    "run",
    "transaction",
]
