"""Which queue each handler of `@service.on` is for, checked against the topology at the start."""

import inspect
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from postbox.consumer import ConsumerOptions
from postbox.errors import DeclarationError
from postbox.events import check_class, type_of
from postbox.inbox import EventHandler
from postbox.rabbitmq import Topology

log: Final = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often one handler is tried, and how long it waits in between; None: as its queue says."""

    tries_max: int | None = None
    retry_min_s: float | None = None
    retry_max_s: float | None = None

    def __post_init__(self) -> None:
        if self.tries_max is not None and self.tries_max < 1:
            raise DeclarationError(f"tries={self.tries_max}: at least 1")
        for name in ("retry_min_s", "retry_max_s"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise DeclarationError(f"{name}={value}: at least 0")

    def over(self, options: ConsumerOptions) -> ConsumerOptions:
        """`options` with what is said here."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        if self.retry_max_s is None and self.retry_min_s is not None:
            said["retry_max_s"] = max(self.retry_min_s, options.retry_max_s)
        return replace(options, **said)


@dataclass(frozen=True)
class Registered:
    """A handler as it was registered: `queue` where its program says which."""

    handler: EventHandler
    queue: str | None
    retries: Retries

    def __post_init__(self) -> None:
        """DeclarationError unless the handler is asynchronous, and for an event class."""
        call = self.handler.call
        is_plain = inspect.isfunction(call) or inspect.ismethod(call)
        if is_plain and not (inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)):
            raise DeclarationError(f"{self.handler.name} is not asynchronous: write async def")
        type_of(self.handler.event)

    @property
    def said(self) -> str:
        """For errors: which handler of what."""
        return f"{self.handler.name} handles {self.handler.type}"


def by_queue(
    registered: Sequence[Registered], topology: Topology, *, taken: Collection[str]
) -> Mapping[str, list[Registered]]:
    """The handlers of each queue; `taken` are those that a batch handler has.

    DeclarationError where a handler's queue does not bind its event, or has another for it.
    """
    found: dict[str, dict[str, Registered]] = defaultdict(dict)
    for one in registered:
        check_class(one.handler.event)
        queue = _queue_of(one, topology)
        if queue in taken:
            raise DeclarationError(
                f"{one.said}, and service.consume({queue!r}) handles all of its queue: keep one"
            )
        other = found[queue].setdefault(one.handler.type, one)
        if other is not one:
            names = f"{other.handler.name} and {one.handler.name}"
            raise DeclarationError(f"{names} both handle {one.handler.type} on {queue}: keep one")
    for queue, handlers in found.items():
        for unhandled in sorted(set(topology.queues[queue]) - handlers.keys()):
            if not {"*", "#"} & set(unhandled.split(".")):
                log.warning("a bound event has no handler here", queue=queue, type=unhandled)
    return {queue: list(handlers.values()) for queue, handlers in found.items()}


def _queue_of(one: Registered, topology: Topology) -> str:
    """The queue that is named, else the only one that binds the event."""
    type_, binding = one.handler.type, topology.queues_for(one.handler.type)
    if one.queue is None:
        if not binding:
            queues = ", ".join(topology.queues) or "none"
            raise DeclarationError(
                f"{one.said}, which no queue of the topology ({queues}) binds: add {type_!r} to one"
            )
        if len(binding) > 1:
            names = " and ".join(binding)
            raise DeclarationError(f"{one.said}, which {names} bind: name one with queue=")
        return binding[0]
    if one.queue not in topology.queues:
        queues = ", ".join(topology.queues) or "none"
        raise DeclarationError(f"{one.said} on {one.queue}: the topology's queues are {queues}")
    if one.queue not in binding:
        raise DeclarationError(
            f"{one.said}, which {one.queue} does not bind: add {type_!r} to it in the topology"
        )
    return one.queue
