"""What is consumed from one queue, and how each message of it is handled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    that has the decision. `options_by_type` are those of events of that type, where they have some
    of their own.
    """

    queue: str
    decode: Callable[[Event], T]
    apply: Apply[T]
    applied: Callable[[Sequence[Decided]], None] = _ignore
    decision_attribute: str = "postbox.decision"
    options: ConsumerOptions = DEFAULT_OPTIONS
    options_by_type: Mapping[str, ConsumerOptions] = field(default_factory=dict)

    def options_for(self, event: Event) -> ConsumerOptions:
        """How often, and when, `event` is tried."""
        return self.options_by_type.get(event.type, self.options)
