"""What was measured of the peers, as one table: a column each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.report.table import number
from bench.workbench import Figures

TITLES: Final[Mapping[str, str]] = {"ours": "this project", "restate": "Restate", "dbos": "DBOS"}
ROWS: Final[Sequence[tuple[str, Sequence[str], str]]] = (
    ("bookings at full load", ("per_s",), "/s"),
    ("CPU of a booking, servers included", ("cpu_ms_per_booking",), "ms"),
    ("cores in use at full load", ("cores_used",), ""),
    *(
        (f"{what}: p50, p99", (f"{key}.p50_ms", f"{key}.p99_ms"), "ms")
        for what, key in (
            ("at 5 a second", "at_5_per_s"),
            ("at 50 a second", "at_50_per_s"),
            ("at half of its own full load", "at_half_load"),
        )
    ),
    ("SIGKILL under load: payments accepted", ("killed.accepted",), ""),
    ("of these never confirmed", ("killed.lost",), ""),
    ("from the kill until all are confirmed", ("killed.at_rest_s",), "s"),
)
BEYOND: Final = "–"
"""Its full load is less than this rate."""


def names(figures: Figures) -> list[str]:
    """Those that were measured, in the order of TITLES."""
    return [name for name in TITLES if f"peers.{name}.per_s" in figures]


def headings(figures: Figures) -> tuple[str, ...]:
    return ("", *(TITLES[name] for name in names(figures)))


def lines(figures: Figures) -> list[tuple[str, ...]]:
    return [
        (what, *(_cell(figures, name, keys, unit) for name in names(figures)))
        for what, keys, unit in ROWS
    ]


def left_out(about: Mapping[str, Any]) -> list[str]:
    """A sentence for each that is missing."""
    return [f"{TITLES[name]} is left out: {why}" for name, why in about["left_out"].items()]


def _cell(figures: Figures, name: str, keys: Sequence[str], unit: str) -> str:
    values = [figures.get(f"peers.{name}.{key}") for key in keys]
    known = [number(value) for value in values if value is not None]
    return f"{', '.join(known)} {unit}".strip() if len(known) == len(values) else BEYOND
