"""The little of SVG that the picture needs: legible by day and by night, with no library."""

import math
from collections.abc import Callable, Iterable
from typing import Final, Literal
from xml.etree import ElementTree as ET

SVG: Final = "http://www.w3.org/2000/svg"
STYLE: Final = """
svg { --page: #ffffff; --ink: #1f2328; --soft: #656d76; --line: #d8dee4; --limit: #dfe5ec;
  --ours: #2563eb; --other: #d97706; --target: #15803d;
  font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
@media (prefers-color-scheme: dark) { svg { --page: #0d1117; --ink: #e6edf3; --soft: #9198a1;
  --line: #2f363f; --limit: #2b323b; --ours: #6ea8fe; --other: #f5a742; --target: #4ac26b; } }
.page { fill: var(--page); stroke: var(--line); }
text { fill: var(--ink); font-variant-numeric: tabular-nums;
  paint-order: stroke; stroke: var(--page); stroke-width: 4px; }
.title { font-size: 15px; font-weight: 600; }
.soft { fill: var(--soft); font-size: 11px; }
.line { stroke: var(--line); }
.limit { fill: var(--limit); }
.ours { fill: var(--ours); }
.other { fill: var(--other); }
.target { stroke: var(--target); stroke-width: 2; }
.ours-line, .other-line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.ours-line { stroke: var(--ours); }
.other-line { stroke: var(--other); }
"""
ROUNDED: Final = 3

Anchor = Literal["start", "middle", "end"]
Scale = Callable[[float], float]


class Drawing:
    """An SVG element that grows. Lengths are pixels from the top left, `kind` is a class above."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._root = ET.Element(
            "svg",
            {
                "xmlns": SVG,
                "viewBox": f"0 0 {width} {height}",
                "width": str(width),
                "height": str(height),
                "role": "img",
            },
        )
        ET.SubElement(self._root, "title").text = title
        ET.SubElement(self._root, "style").text = STYLE
        self.bar(0.5, 0.5, width - 1, "page", height=height - 1, radius=10)

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: Anchor = "start") -> None:
        self._add("text", x=x, y=y, kind=kind, text_anchor=anchor).text = text

    def bar(
        self, x: float, y: float, width: float, kind: str, *, height: float, radius: int = ROUNDED
    ) -> None:
        self._add("rect", x=x, y=y, width=width, height=height, rx=radius, kind=kind)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "line") -> None:
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, kind=kind)

    def dot(self, x: float, y: float, kind: str, radius: float = 4.5) -> None:
        self._add("circle", cx=x, cy=y, r=radius, kind=kind)

    def curve(self, points: Iterable[tuple[float, float]], kind: str) -> None:
        """A line through the points, each with a dot: `kind` colours both."""
        points = list(points)
        self._add(
            "polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), kind=f"{kind}-line"
        )
        for x, y in points:
            self.dot(x, y, kind)

    def __str__(self) -> str:
        ET.indent(self._root)
        return ET.tostring(self._root, encoding="unicode") + "\n"

    def _add(self, tag: str, *, kind: str, **attributes: float | str) -> ET.Element:
        given = {
            name.replace("_", "-"): value if isinstance(value, str) else f"{value:.4g}"
            for name, value in attributes.items()
        }
        return ET.SubElement(self._root, tag, {**given, "class": kind} if kind else given)


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """From a value to where it stands."""
    return lambda value: start + (end - start) * (value - low) / (high - low)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """The same, each tenfold being as long as the next."""
    scale = linear(math.log10(low), math.log10(high), start, end)
    return lambda value: scale(math.log10(value))
