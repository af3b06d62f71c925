"""Deliveries that wait for another try, each until its time has come."""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from postbox.consumer.delivery import Delivery

T = TypeVar("T")
RECHECK_S = 0.005
"""One that is due may have to wait for a batch with its subject, which wakes us when it is done."""


class Retries(Generic[T]):
    """At most as many as the broker lets us hold: they are unsettled all the while."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Delivery[T]]] = []

    def add(self, delivery: Delivery[T], *, after_s: float) -> None:
        self._waiting.append((monotonic() + after_s, delivery))

    def due(self, is_free: Callable[[Delivery[T]], bool]) -> Delivery[T] | None:
        """A free one whose time has come; it no longer waits."""
        now = monotonic()
        for index, (at, delivery) in enumerate(self._waiting):
            if at <= now and is_free(delivery):
                del self._waiting[index]
                return delivery
        return None

    def seconds_to_next(self) -> float | None:
        """How long until one is due; None where none waits."""
        if not self._waiting:
            return None
        return max(RECHECK_S, min(at for at, _ in self._waiting) - monotonic())

    def clear(self) -> list[Delivery[T]]:
        """Forget all of them: they are void with their channel."""
        forgotten = [delivery for _, delivery in self._waiting]
        self._waiting.clear()
        return forgotten
