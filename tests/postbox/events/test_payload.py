"""Each value goes over the wire by its rule, or is refused with its path; none is altered."""

import enum
import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from postbox.errors import InvalidPayload
from postbox.events import json_value
from postbox.mongo import Client

UUID_TEXT = "12345678-9abc-4def-8123-456789abcdef"


class Colour(enum.Enum):
    RED = "red"


class Name(enum.StrEnum):
    KEY = "key"


class Size(enum.IntEnum):
    LARGE = 3


@dataclass
class Lonely:
    n: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("käse", '"käse"'),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "-9223372036854775808"),
        (Int64(5), "5"),
        (0.1, "0.1"),
        (2.0, "2.0"),
        (-0.0, "-0.0"),
        (float(2**31 - 1), "2147483647.0"),
        (float(2**31), "2147483648"),
        (3e9, "3000000000"),
        (-3e9, "-3000000000"),
        (float(2**53), "9007199254740992"),
        (float(2**54), "1.8014398509481984e+16"),
        (3e9 + 0.5, "3000000000.5"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '"2026-01-02T03:04:05Z"'),
        (datetime(2026, 1, 2, 3, 4, 5, 678), '"2026-01-02T03:04:05.000678Z"'),
        (
            datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2))),
            '"2026-01-02T01:04:00Z"',
        ),
        (UUID(UUID_TEXT), f'"{UUID_TEXT}"'),
        (Binary(UUID(UUID_TEXT).bytes, 4), f'"{UUID_TEXT}"'),
        (Binary(UUID(UUID_TEXT).bytes, 3), '"EjRWeJq8Te+BI0VniavN7w=="'),
        (ObjectId("66f000000000000000000001"), '"66f000000000000000000001"'),
        (Decimal("1.50"), '"1.50"'),
        (Decimal128("1.50"), '"1.50"'),
        (Decimal128("1E+6111"), '"1E+6111"'),
        (Decimal128("1E+39"), '"1000000000000000000000000000000000000000"'),
        (Decimal128("1E+40"), '"1E+40"'),
        (Decimal128("-1E-6176"), '"-1E-6176"'),
        (Decimal("0"), '"0"'),
        (Decimal("-0E+41"), '"-0"'),
        (Decimal("0E-41"), '"0E-41"'),
        (Decimal("1" * 34), f'"{"1" * 34}"'),
        (b"\x00\xff", '"AP8="'),
        (Binary(b"\x00\xff", 128), '"AP8="'),
        (memoryview(b"a.b")[::2], '"YWI="'),
        (DBRef("orders", 1, x=2), '{"$ref":"orders","$id":1,"x":2}'),
        ({Name.KEY: Name.KEY}, '{"key":"key"}'),
        (Colour.RED, '"red"'),
        (Size.LARGE, "3"),
        ({"a": [1, {"b": ()}]}, '{"a":[1,{"b":[]}]}'),
    ],
)
def test_a_value_goes_out_by_its_rule(value: object, text: str) -> None:
    assert orjson.dumps(json_value({"x": value})).decode() == f'{{"x":{text}}}'


@pytest.mark.parametrize(
    "value",
    [
        *(float("nan"), float("inf"), float("-inf")),
        *(Decimal("NaN"), Decimal("Infinity"), Decimal128("NaN"), Decimal128("-Infinity")),
        *(Decimal("1E+7000"), Decimal("1." + "1" * 34)),
        *(2**63, -(2**63) - 1, "\udcff", {"\udcff": 1}, {1: "a"}, {"a\0b": 1}),
        *({1, 2}, date(2026, 1, 2), timedelta(1), object(), complex(1), DatetimeMS(10**15)),
        *(Regex("a"), re.compile("a"), Timestamp(1, 1), Code("f()"), MaxKey()),
        *(DBRef("orders", Regex("a")), Lonely(1)),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_what_json_has_no_value_for_is_refused_with_its_path(value: object) -> None:
    with pytest.raises(InvalidPayload, match=r"^data\.items\[3\]\.price") as refused:
        json_value({"id": 1, "items": [0, 1, 2, {"price": value}]})
    assert refused.value.path.startswith("data.items[3].price")


def test_a_path_can_be_printed_and_is_bounded() -> None:
    with pytest.raises(InvalidPayload) as refused:
        json_value({"\udcff" * 1_000: math.nan})
    refused.value.path.encode()
    assert len(refused.value.path) < 1_000


def test_nesting_has_a_bound() -> None:
    nested: dict[str, Any] = {}
    for _ in range(100):
        nested = {"n": nested}
    with pytest.raises(InvalidPayload, match="more than 100 levels"):
        json_value(nested)


def test_what_needs_no_change_is_not_copied() -> None:
    data = {"a": 1, "b": "x", "c": [1.5, None, {"d": True}]}
    assert json_value(data) is data


@pytest.mark.parametrize("digits", ["1E+6111", "-1.5E-50", "1.234E+60", "0E-6176", "9.99E-41"])
async def test_long_decimals_are_written_as_the_server_writes_them(
    client: Client, digits: str
) -> None:
    number = Decimal128(digits)
    cursor = await client["admin"].aggregate(
        [{"$documents": [{"n": number}]}, {"$project": {"text": {"$toString": "$n"}}}]
    )
    (found,) = await cursor.to_list()
    assert json_value({"n": number}) == {"n": found["text"]}
