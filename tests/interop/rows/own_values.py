"""Values that a language or a library has of its own, and what each should say on the wire."""

import decimal
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Final

import pydantic

from tests.interop.rows.values import BYTES, NO_VALUE, UUID


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Order:
    id: str = "o1"


class Line(pydantic.BaseModel):
    item: str = "i1"


LONE_SURROGATE: Final = "\ud800"
PYTHON: Final[dict[str, Any]] = {
    "a tuple": (1, 2),
    "a set": {1},
    "a Decimal": decimal.Decimal("12.50"),
    "a date": date(2026, 1, 2),
    "a naive datetime": datetime(2026, 1, 2, 3, 4, 5),
    "a datetime with microseconds": datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC),
    "a timedelta": timedelta(seconds=90),
    "a UUID": UUID,
    "bytes": BYTES,
    "an enumeration": Colour.RED,
    "a dataclass": Order(),
    "a pydantic model": Line(),
    "a number past 64 bits": 2**64,
    "a lone surrogate": LONE_SURROGATE,
}
_PYTHON_WIRE: Final[dict[str, Any]] = {
    "a tuple": [1, 2],
    "a set": [1],
    "a Decimal": "12.50",
    "a date": "2026-01-02",
    "a naive datetime": "2026-01-02T03:04:05Z",
    "a datetime with microseconds": "2026-01-02T03:04:05.678901Z",
    "a timedelta": 90.0,
    "a UUID": str(UUID),
    "bytes": "AAH+/w==",
    "an enumeration": "red",
    "a dataclass": {"id": "o1"},
    "a pydantic model": {"item": "i1"},
    "a number past 64 bits": 2**64,
    "a lone surrogate": NO_VALUE,
}
OWN: Final[dict[str, dict[str, Any]]] = {
    "PyMongo": _PYTHON_WIRE,
    "Beanie": _PYTHON_WIRE,
    "Node": {
        "a whole number past 2^53": 9_007_199_254_740_994,
        "a BigInt": 2**62,
        "a BigInt past 64 bits": 2**64,
        "a Map": {"a": 1},
        "a Set": [1],
        "undefined": NO_VALUE,
        "undefined in a list": [None],
        "a function": NO_VALUE,
        "an invalid Date": NO_VALUE,
        "a lone surrogate": NO_VALUE,
        "a Uint8Array": "AAH+/w==",
        "a Buffer": "AAH+/w==",
        "a Float64Array": [0.1],
        "a RegExp": NO_VALUE,
        "an instance of a class": {"id": "o1"},
    },
    "Java": {
        "a float": 0.1,
        "a short": 42,
        "a BigDecimal": "12.50",
        "a BigInteger": 42,
        "a Character": "a",
        "an enumeration": "RED",
        "a Set": [1],
        "a Map": {"a": 1},
        "a byte[]": "AAH+/w==",
        "a UUID, by default": str(UUID),
        "an Instant with nanoseconds": "2026-01-02T03:04:05.678901234Z",
        "a LocalDate": "2026-01-02",
        "a ZonedDateTime": "2026-01-02T03:04:05Z",
        "an Optional": "a",
        "a lone surrogate": NO_VALUE,
    },
}
