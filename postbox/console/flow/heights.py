"""The height at which each moment of a story stands: time runs down, on no even scale.

What follows at once stays legible, and a long wait is a break that says how long it was.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from postbox.console.flow.story import Step, Story, Taken
from postbox.console.readable import duration

HEAD: Final = 56.0
"""The height of the lanes' names."""
EMITTED_GAP: Final = 50.0
TAKEN_GAP: Final = 24.0
BREAK_GAP: Final = 38.0
BREAK_MS: Final = 1_000.0
STRETCH: Final = 7.0
"""How much longer each tenfold of time makes a gap that is no break."""
Moment = tuple[datetime, Step, Taken | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A long wait in which nothing of this story happened."""

    y: float
    label: str


class Heights:
    """The height at which each moment stands."""

    def __init__(self, story: Story) -> None:
        self.breaks: list[Break] = []
        self._emitted: dict[int, float] = {}
        self._taken: dict[int, float] = {}
        y, before = HEAD, None
        for at, step, taken in _moments(story):
            waited_ms = 0.0 if before is None else (at - before).total_seconds() * 1_000
            if waited_ms >= BREAK_MS:
                self.breaks.append(Break(y=y + BREAK_GAP * 0.75, label=duration(waited_ms)))
                y += BREAK_GAP
            y += (EMITTED_GAP if taken is None else TAKEN_GAP) + _stretch(waited_ms)
            if taken is None:
                self._emitted[id(step)] = y
            else:
                self._taken[id(taken)] = y
            before = at
        self.bottom = y

    def of(self, step: Step) -> float:
        return self._emitted[id(step)]

    def of_taken(self, taken: Taken) -> float:
        return self._taken[id(taken)]


def _moments(story: Story) -> list[Moment]:
    """All in order; what followed from a taking-up never stands above it."""
    moments: list[Moment] = []
    taken_at: dict[tuple[str, str], datetime] = {}
    for step in story.steps:
        at = max(step.at, taken_at.get((step.cause or "", step.lane), step.at))
        moments.append((at, step, None))
        for taken in step.taken:
            moments.append((max(taken.at, at), step, taken))
            taken_at.setdefault((step.id, taken.lane), max(taken.at, at))
    return sorted(moments, key=lambda one: (one[0], one[2] is None))


def _stretch(waited_ms: float) -> float:
    return STRETCH * math.log10(1 + min(waited_ms, BREAK_MS))
