"""docs/performance.svg and docs/latency.svg, drawn from bench/results/latest.json.

By `python -m bench.report.picture`; with `--check` nothing is written, and the exit code is 1 where
a picture shows other figures.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bench.report import waterfall
from bench.report.drawing import Anchor, Drawing, linear, logarithmic
from bench.report.results import LATEST, ROOT
from bench.report.table import ROWS, number

PICTURE: Final = ROOT / "docs" / "performance.svg"
WATERFALL: Final = ROOT / "docs" / "latency.svg"
COMMAND: Final = "python -m bench.report.picture"
EXIT_DRIFTED: Final = 1
WIDTH: Final = 960
HEIGHT: Final = 620
MARGIN: Final = 28
PANEL_WIDTH: Final = 430
LEFT, RIGHT = MARGIN, WIDTH - MARGIN - PANEL_WIDTH
TOP, BELOW = 48, 340
FOOT: Final = HEIGHT - 18
BAR: Final = 16

Results = Mapping[str, Any]
Panel = Callable[[Drawing, float, float, Results], None]


def draw(results: Results) -> str:
    """The picture as SVG: of all that was measured, a panel each."""
    machine, versions = results["machine"], results["versions"]
    drawing = Drawing(WIDTH, HEIGHT, "What the relay and whole bookings reach, beside the limits")
    for panel, x, y, key in PANELS:
        if key in results:
            panel(drawing, x, y, results)
    drawing.text(
        *(MARGIN, FOOT),
        f"{results['date'][:10]}, {machine['cores']} cores of {machine['cpu']} with both servers on"
        f" them; MongoDB {versions['mongodb']}, RabbitMQ {versions['rabbitmq']}, Python"
        f" {versions['python']}",
        "soft",
    )
    return str(drawing)


def _rates(drawing: Drawing, x: float, y: float, results: Results) -> None:
    _head(drawing, x, y, "Rates", "grey: what the same servers reach alone; green: the target")
    shown = [row for row in ROWS if row.is_rate and row.limit]
    for place, row in enumerate(shown):
        assert row.limit is not None
        top = y + 60 + place * 66
        limit = results[row.limit] / row.share
        wide = linear(0, limit, 0, PANEL_WIDTH)
        drawing.text(x, top - 8, row.what)
        drawing.bar(x, top, PANEL_WIDTH, "limit", height=BAR)
        drawing.bar(x, top, wide(results[row.key]), "ours", height=BAR)
        if row.target is not None:
            _target(drawing, x + wide(row.target), top)
        drawing.text(x, top + BAR + 14, f"{number(results[row.key])} {row.unit}")
        drawing.text(x + PANEL_WIDTH, top + BAR + 14, number(limit), "soft", "end")


def _latency(drawing: Drawing, x: float, y: float, results: Results) -> None:
    _head(drawing, x, y, "Latency", "from p50 to p99; green: the target of the p99")
    at = logarithmic(1, 1000, x, x + PANEL_WIDTH)
    bottom = y + 236
    for ms, text in ((1, "1 ms"), (10, "10 ms"), (100, "100 ms"), (1000, "1 s")):
        drawing.line(at(ms), y + 40, at(ms), bottom)
        drawing.text(at(ms), bottom + 16, text, "soft", _anchor(ms, 1, 1000))
    for place, (name, what, kind) in enumerate(LATENCIES):
        middle = y + 78 + place * 66
        p50, p99 = (max(1.0, results[f"{name}.{percent}_ms"]) for percent in ("p50", "p99"))
        drawing.text(x, middle - 16, what)
        drawing.bar(at(p50), middle - 3, at(p99) - at(p50), kind, height=6)
        for ms in (p50, p99):
            drawing.dot(at(ms), middle, kind, radius=6)
            drawing.text(at(ms), middle + 22, number(ms), "soft", "middle")
        if (target := _targets().get(f"{name}.p99_ms")) is not None:
            _target(drawing, at(target), middle - BAR / 2)


def _cost(drawing: Drawing, x: float, y: float, results: Results) -> None:
    title, text = "CPU of an event, relay and MongoDB", "µs; it must not grow with the rows"
    _head(drawing, x, y, title, text)
    curves = {name: _points(results, name) for name, _, _ in CURVES}
    every = [point for points in curves.values() for point in points]
    sizes = sorted({size for size, _ in every})
    across = logarithmic(sizes[0], sizes[-1], x + 40, x + PANEL_WIDTH - 34)
    bottom = y + 190
    up = linear(0, max(us for _, us in every) * 1.25, bottom, y + 44)
    drawing.line(x, bottom, x + PANEL_WIDTH, bottom)
    drawing.text(x, bottom - 4, "0", "soft")
    for size in sizes:
        drawing.text(across(size), bottom + 16, f"{size:,}", "soft", "middle")
    for place, (name, what, kind) in enumerate(CURVES):
        drawing.curve(((across(size), up(us)) for size, us in curves[name]), kind)
        for size, us in curves[name]:
            is_upper = us == max(other for at, other in every if at == size)
            down = -11 if is_upper else 19
            drawing.text(across(size), up(us) + down, number(us), "soft", "middle")
        left = x + place * PANEL_WIDTH / 2
        drawing.dot(left + 5, bottom + 36, kind)
        drawing.text(left + 16, bottom + 40, what)


def _tracing(drawing: Drawing, x: float, y: float, results: Results) -> None:
    _head(drawing, x, y, "Relay, traced", "events/s; green: the least that has to be left")
    fastest = max(results[f"relay.{mode}.events_per_s"] for mode, _ in MODES)
    wide = linear(0, fastest, 0, PANEL_WIDTH)
    for place, (mode, what) in enumerate(MODES):
        top = y + 58 + place * 62
        rate, lost = (results.get(f"relay.{mode}.{of}") for of in ("events_per_s", "lost_percent"))
        assert rate is not None
        drawing.text(x, top - 8, what)
        drawing.bar(x, top, wide(rate), "limit" if lost is None else "ours", height=BAR)
        text = number(rate) if lost is None else f"{number(rate)}, {number(lost)} % lost"
        drawing.text(x, top + BAR + 14, text, "soft")
        if (most := _targets().get(f"relay.{mode}.lost_percent")) is not None:
            _target(
                drawing, x + wide(results["relay.untraced.events_per_s"]) * (1 - most / 100), top
            )


def _head(drawing: Drawing, x: float, y: float, title: str, text: str) -> None:
    drawing.text(x, y, title, "title")
    drawing.text(x, y + 18, text, "soft")


def _target(drawing: Drawing, x: float, top: float) -> None:
    drawing.line(x, top - 3, x, top + BAR + 3, "target")


def _targets() -> dict[str, float]:
    return {row.key: row.target for row in ROWS if row.target is not None}


def _points(results: Results, curve: str) -> list[tuple[int, float]]:
    """How many rows, and the microseconds of CPU that an event then costs."""
    key = re.compile(rf"relay\.cost\.{curve}_(\d+)\.cpu_us_per_event")
    return sorted(
        (int(found[1]), results[name]) for name in results if (found := key.fullmatch(name))
    )


def _anchor(value: float, low: float, high: float) -> Anchor:
    """So that what stands at either end of an axis does not leave the panel."""
    return "start" if value == low else "end" if value == high else "middle"


CURVES: Final = (
    ("backlog", "so many pending rows", "ours"),
    ("published", "so many published, still there", "other"),
)
LATENCIES: Final = (
    ("limits.delivery", "commit to delivery, published by whoever committed", "soft"),
    ("relay", "commit to delivery, through the relay, 200 events/s", "ours"),
    ("bookings", "whole bookings by HTTP, at half the load they reach", "ours"),
)
MODES: Final = (
    ("untraced", "not traced"),
    ("traced_1_percent", "1 flow in 100 recorded"),
    ("traced_100_percent", "every flow recorded"),
)
PANELS: Final[tuple[tuple[Panel, int, int, str], ...]] = (
    (_rates, LEFT, TOP, "bookings.per_s"),
    (_latency, RIGHT, TOP, "bookings.p50_ms"),
    (_cost, LEFT, BELOW, "relay.cost.ratio"),
    (_tracing, RIGHT, BELOW, "relay.untraced.events_per_s"),
)
"""Each with its place, and a figure that it is drawn for."""


def main(arguments: Sequence[str]) -> int:
    """Draw what is in latest.json, or look whether that is what was drawn; the exit code."""
    results = json.loads(LATEST.read_text())
    drawn = {PICTURE: draw(results)}
    if waterfall.is_measured(results):
        drawn[WATERFALL] = waterfall.draw(results)
    for path, picture in drawn.items():
        if list(arguments) != ["--check"]:
            path.write_text(picture)
        elif path.read_text() != picture:
            print(f"{path} shows other figures than {LATEST}: run {COMMAND}", file=sys.stderr)
            return EXIT_DRIFTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
