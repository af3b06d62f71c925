"""The last 15 minutes, in memory: a point of every series every five seconds at most."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

KEPT_S: Final = 900.0
APART_S: Final = 5.0
POINTS_MAX: Final = int(KEPT_S / APART_S) + 1
Point = tuple[float, float]
"""How many seconds ago, and the value."""


class History:
    """Values under names. Two that come within five seconds are one: the later of them."""

    def __init__(self) -> None:
        self._series: dict[str, deque[Point]] = {}

    def note(self, values: Mapping[str, float | None]) -> None:
        """Write down what is known now."""
        now = time.monotonic()
        for name, value in values.items():
            if value is None:
                continue
            points = self._series.setdefault(name, deque(maxlen=POINTS_MAX))
            if len(points) > 1 and now - points[-2][0] < APART_S:
                points.pop()
            points.append((now, value))

    def of(self, name: str) -> Sequence[Point]:
        """The points of a series, the oldest first."""
        now = time.monotonic()
        points = self._series.get(name, ())
        return [(now - at, value) for at, value in points if now - at <= KEPT_S]
