"""What is consumed from one queue, and how each message of it is handled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from postbox.consumer.options import DEFAULT_OPTIONS, ConsumerOptions
from postbox.events import Event
from postbox.inbox import Apply, Decided

T = TypeVar("T")


def _ignore(decisions: Sequence[Decided]) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Consumption(Generic[T]):
    """`decode` makes the fact of an event, and `apply` applies a batch of them.

    `applied(decisions)` is called after each commit; `decision_attribute` is the attribute of spans
    that has the decision.
    """

    queue: str
    decode: Callable[[Event], T]
    apply: Apply[T]
    applied: Callable[[Sequence[Decided]], None] = _ignore
    decision_attribute: str = "postbox.decision"
    options: ConsumerOptions = DEFAULT_OPTIONS
