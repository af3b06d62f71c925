"""What one cell of the table says, and how it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import orjson

US: Final = "Postbox"


class Outcome(Enum):
    SAME = "same"
    REFUSED = "refused"
    CHANGED = "changed"
    NONE = "–"
    """The program has no such value."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`by` is who refuses or changes; `how` is the message, or what it makes of the value."""

    outcome: Outcome
    by: str = ""
    how: str = ""


SAME: Final = Cell(Outcome.SAME)
NONE: Final = Cell(Outcome.NONE)


def refused(by: str, message: str) -> Cell:
    return Cell(Outcome.REFUSED, by, message)


def changed(by: str, how: str) -> Cell:
    return Cell(Outcome.CHANGED, by, how)


@dataclass(frozen=True, slots=True)
class Table:
    """One section of the page: rows are values or fields, columns are programs."""

    name: str
    title: str
    about: str
    head: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """The cells in which we change something, or which nobody filled."""
        wrong = []
        for row, cells in self.rows.items():
            for column in self.columns:
                cell = cells.get(column)
                if cell is None:
                    wrong.append(f"{self.title}: {row}, {column}: blank")
                elif cell.outcome is Outcome.CHANGED and cell.by == US:
                    wrong.append(f"{self.title}: {row}, {column}: changed by us: {cell.how}")
        return wrong


def shown(value: Any) -> str:
    """A value in few characters, exact: 3.0 is not 3, and True is not 1."""
    if isinstance(value, int | bytes):
        return str(value)
    text = orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def is_same(one: Any, other: Any) -> bool:
    """Whether both are written alike in JSON, names in any order."""
    options = orjson.OPT_SORT_KEYS
    return orjson.dumps(_plain(one), option=options) == orjson.dumps(_plain(other), option=options)


def _plain(value: Any) -> Any:
    """Bytes and numbers beyond 64 bits, of which JSON or orjson has none, by a name."""
    match value:
        case bytes() | bytearray() | memoryview():
            return {"bytes": bytes(value).hex(" ")}
        case bool():
            return value
        case int() if not -(2**63) <= value < 2**64:
            return {"number": str(value)}
        case Mapping():
            return {str(name): _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
    return value
