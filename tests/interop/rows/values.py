"""Every type that BSON has, as a program means it, as it is stored, and as it has to go out."""

import math
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import bson
from bson import (
    Binary,
    Code,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.datetime_ms import DatetimeMS


class _NoValue:
    """JSON has none: the row is parked."""


NO_VALUE: Final = _NoValue()
UUID: Final = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
ID: Final = ObjectId("65937a2b0000000000000001")
BYTES: Final = b"\x00\x01\xfe\xff"
TIME: Final = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


@dataclass(frozen=True, slots=True)
class Value:
    """`stored` is the one-element document `{value: ...}` that a driver should write."""

    name: str
    stored: bytes
    wire: Any
    python: Any


def _value(name: str, python: Any, wire: Any) -> Value:
    return Value(name, bson.encode({"value": python}), wire, python)


def _raw(name: str, kind: int, value: bytes, wire: Any) -> Value:
    """Of a type that PyMongo reads, and does not write."""
    element = bytes((kind,)) + b"value\0" + value + b"\0"
    return Value(name, (len(element) + 4).to_bytes(4, "little") + element, wire, NO_VALUE)


VALUES: Final = (
    _value("null", None, None),
    _value("boolean", True, True),
    _value("text", "Grüße 🎉", "Grüße 🎉"),
    _value("empty text", "", ""),
    _value("text with a null character", "a\0b", "a\0b"),
    _value("int32", 42, 42),
    _value("int64", Int64(2**62), 2**62),
    _value("small int64", Int64(42), 42),
    _value("whole number past 31 bits", 4_200_000_000, 4_200_000_000),
    _value("double", 0.1, 0.1),
    _value("whole double", 3.0, 3.0),
    _value("negative zero", -0.0, -0.0),
    _value("NaN", math.nan, NO_VALUE),
    _value("infinity", math.inf, NO_VALUE),
    _value("date", TIME, "2026-01-02T03:04:05.678000Z"),
    _value("date before 1970", datetime(1815, 12, 10, tzinfo=UTC), "1815-12-10T00:00:00Z"),
    _value("date of the year 10000", DatetimeMS(253_402_300_800_000), NO_VALUE),
    _value("ObjectId", ID, str(ID)),
    _value("UUID (binary 4)", Binary(UUID.bytes, 4), str(UUID)),
    _value("legacy UUID (binary 3)", Binary(UUID.bytes, 3), "ABEiM0RVZneImaq7zN3u/w=="),
    _value("binary", Binary(BYTES, 0), "AAH+/w=="),
    _value("binary of one's own (128)", Binary(BYTES, 128), "AAH+/w=="),
    _value("vector (binary 9)", Binary(b"\x03\x00\x01\xff", 9), "AwAB/w=="),
    _value("decimal", Decimal128("12.50"), "12.50"),
    _value("largest decimal", Decimal128("9E+6144"), "9.000000000000000000000000000000000E+6144"),
    _value("decimal that is NaN", Decimal128("NaN"), NO_VALUE),
    _value("list", [1, "a", None], [1, "a", None]),
    _value("document", {"a": {"b": 1}}, {"a": {"b": 1}}),
    _value("name with a dot", {"a.b": 1}, {"a.b": 1}),
    _value("name with a dollar", {"$a": 1}, {"$a": 1}),
    _value("empty name", {"": 1}, {"": 1}),
    _value("reference (DBRef)", DBRef("orders", 7), {"$ref": "orders", "$id": 7}),
    _value("regular expression", Regex("^a", "i"), NO_VALUE),
    _value("timestamp", Timestamp(1_767_323_045, 7), NO_VALUE),
    _value("code", Code("f()"), NO_VALUE),
    _value("code with scope", Code("f()", {"a": 1}), NO_VALUE),
    _value("MinKey", MinKey(), NO_VALUE),
    _value("MaxKey", MaxKey(), NO_VALUE),
    _raw("symbol (deprecated)", 0x0E, b"\x02\0\0\0a\0", "a"),
    _raw("undefined (deprecated)", 0x06, b"", None),
    _raw(
        "pointer (deprecated)",
        0x0C,
        b"\x07\0\0\0orders\0" + ID.binary,
        {"$ref": "orders", "$id": str(ID)},
    ),
)
TYPE_NAMES: Final = {
    0x01: "a double", 0x02: "a text", 0x03: "a document", 0x04: "a list", 0x05: "a binary",
    0x06: "undefined", 0x07: "an ObjectId", 0x08: "a boolean", 0x09: "a date", 0x0A: "null",
    0x0B: "a regular expression", 0x0C: "a pointer", 0x0D: "code", 0x0E: "a symbol",
    0x0F: "code with scope", 0x10: "an int32", 0x11: "a timestamp", 0x12: "an int64",
    0x13: "a decimal", 0xFF: "MinKey", 0x7F: "MaxKey",
}  # fmt: skip
