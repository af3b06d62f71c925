"""The charts of the last 15 minutes, drawn here: they are read without script, and weigh little."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from postbox.console.overview.history import KEPT_S, Point

WIDTH: Final = 300.0
HEIGHT: Final = 64.0
GAP_S: Final = 60.0
"""Without a point for so long, nothing is known: the line is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series: what it is called, its unit, and its points."""

    name: str
    unit: str
    points: Sequence[Point]

    @property
    def newest(self) -> float:
        return self.points[-1][1] if self.points else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over one scale."""

    title: str
    lines: Sequence[Line]

    @property
    def document(self) -> dict[str, Any]:
        """In JSON's shape, with the paths for SVG."""
        highest = max((value for line in self.lines for _, value in line.points), default=0.0)
        top = _round_up(highest)
        return {
            "title": self.title,
            "top": top,
            "lines": [
                {
                    "name": line.name,
                    "unit": line.unit,
                    "newest": line.newest,
                    "path": _path(line.points, top),
                    "values": [(round(ago), round(value, 1)) for ago, value in line.points],
                }
                for line in self.lines
            ],
        }


def _path(points: Sequence[Point], top: float) -> str:
    """A line through the points, broken where there was no look for a minute."""
    said: list[str] = []
    before: float | None = None
    for ago, value in points:
        x, y = WIDTH * (1 - ago / KEPT_S), HEIGHT * (1 - value / top)
        goes_on = before is not None and before - ago <= GAP_S
        said.append(f"{'L' if goes_on else 'M'}{x:.1f} {y:.1f}")
        before = ago
    return "".join(said)


def _round_up(value: float) -> float:
    """The next number of one digit times a power of ten; at least 1."""
    step = 1.0
    while step * 8 < value:
        step *= 10
    return next(step * part for part in (1, 2, 3, 4, 5, 6, 8) if step * part >= value)
