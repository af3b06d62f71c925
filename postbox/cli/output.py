"""Results on standard output: a table for people, JSON for programs."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH_PIPED: Final = 240
"""Columns, where there is no terminal that knows."""


def print_json(document: Any) -> None:
    """One JSON document, in ASCII: even text that is no proper Unicode comes out as something."""
    print(json.dumps(plain(document), indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table without lines, each cell on one line where there is room."""
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else str(plain(cell)) for cell in row))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH_PIPED
    console.print(table)


def seconds(value: float | None) -> str:
    """A length of time as people say it: 4.2 s, 3 min, 2.5 h, 4 d."""
    if value is None:
        return "unknown"
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(value) >= 2 * unit_s:
            return f"{value / unit_s:.0f} {unit}"
    return f"{value:.1f} s"


def plain(value: Any) -> Any:
    """`value` in JSON's own types; what has none there as the text that names it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(part) for key, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(part) for part in value]
        case bytes():
            return value.decode(errors="backslashreplace")
        case _:
            return str(value)
