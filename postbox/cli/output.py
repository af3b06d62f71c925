"""Results on standard output: a table for people, JSON for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from postbox.operations import plain

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


def row_document(source: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the outbox of `source`, whole."""
    return {"outbox": source, "id": row["_id"], **{k: v for k, v in row.items() if k != "_id"}}
