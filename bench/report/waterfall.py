"""The latency budget as a waterfall: each hop below the one before, as long as its median."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from bench.bookings.hops import HOPS, SEEN
from bench.report.drawing import Drawing, linear
from bench.report.table import number

RATES: Final = ("at_5_per_s", "at_50_per_s", "at_150_per_s", "at_half_load")
BAR_CHARS: Final = 48
WAITING, WORKING = "░", "█"
LINE: Final = 20
HEAD: Final = 58
MARGIN: Final = 28
NAMES: Final = 250
WIDTH: Final = 960

Figures = Mapping[str, Any]


class Step(NamedTuple):
    what: str
    is_waiting: bool
    from_ms: float
    p50_ms: float
    p99_ms: float


def is_measured(figures: Figures) -> bool:
    return any(steps(figures, rate) for rate in RATES)


def steps(figures: Figures, rate: str) -> list[Step]:
    """The hops at one rate, in order; none where it was not measured."""
    named = [(hop.key, hop.what, hop.is_waiting) for hop in HOPS]
    named.append((SEEN, "the customer sees it", False))
    if f"budget.{rate}.whole.p50_ms" not in figures:
        return []
    found, at_ms = [], 0.0
    for key, what, is_waiting in named:
        p50, p99 = (figures[f"budget.{rate}.{key}.p{percent}_ms"] for percent in (50, 99))
        found.append(Step(what, is_waiting, at_ms, p50, p99))
        at_ms += p50
    return found


def lines(figures: Figures) -> Iterator[str]:
    """For a terminal of 100 columns: every rate that was measured."""
    for rate in RATES:
        found = steps(figures, rate)
        if not found:
            continue
        yield ""
        yield title(figures, rate)
        at = linear(0, max(1e-9, sum(step.p50_ms for step in found)), 0, BAR_CHARS)
        for step in found:
            start = round(at(step.from_ms))
            length = max(1, round(at(step.from_ms + step.p50_ms)) - start) if step.p50_ms else 0
            bar = " " * start + (WAITING if step.is_waiting else WORKING) * length
            yield f"{step.what:<40}{bar:<{BAR_CHARS + 1}}{number(step.p50_ms):>5}"


def title(figures: Figures, rate: str) -> str:
    p50, p99 = (figures[f"budget.{rate}.whole.p{percent}_ms"] for percent in (50, 99))
    per_s = figures[f"budget.{rate}.steady_per_s"]
    return f"a booking at {per_s:,.0f}/s: p50 {number(p50)} ms, p99 {number(p99)} ms"


def draw(figures: Figures) -> str:
    """As SVG: a panel for each rate; what waits is grey."""
    measured = [(rate, found) for rate in RATES if (found := steps(figures, rate))]
    panel = HEAD + LINE * (len(HOPS) + 1) + MARGIN
    drawing = Drawing(WIDTH, panel * len(measured) + MARGIN, "Where a booking's time goes")
    for place, (rate, found) in enumerate(measured):
        top = MARGIN + place * panel
        drawing.text(MARGIN, top + 8, title(figures, rate), "title")
        drawing.text(MARGIN, top + 28, "median of each hop, and its p99; grey: waiting", "soft")
        whole = max(1e-9, sum(step.p50_ms for step in found))
        at = linear(0, whole, MARGIN + NAMES, WIDTH - MARGIN - 110)
        for row, step in enumerate(found):
            y = top + HEAD + row * LINE
            left, right = at(step.from_ms), at(step.from_ms + step.p50_ms)
            drawing.text(MARGIN, y, step.what)
            kind = "limit" if step.is_waiting else "ours"
            drawing.bar(left, y - 10, max(1.0, right - left), kind, height=12)
            text = f"{number(step.p50_ms)} ms"
            drawing.text(right + 6, y, text)
            drawing.text(WIDTH - MARGIN, y, f"p99 {number(step.p99_ms)}", "soft", "end")
    return str(drawing)
