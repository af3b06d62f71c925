"""What an event may carry, and how each value goes over the wire: the same rules wherever it passes.

`Outbox.add`, the relay, replay and the in-memory double all use them. A value goes out as the JSON
value that says the same, or is refused with its path; nothing is ever altered in silence.

| value | on the wire |
|---|---|
| text, boolean, null, whole number of 64 bits | itself |
| double | itself; a whole one from 2^31 to 2^53, of either sign, without a fraction, for Node's driver makes doubles of such numbers and typed readers refuse `3000000000.0` |
| datetime | RFC 3339 in UTC; a naive one is UTC, as in MongoDB |
| UUID, binary of subtype 4, ObjectId | its usual text |
| Decimal, Decimal128 | text: plain digits where these take at most 40 characters, else as MongoDB's `$toString` writes it |
| bytes, binary of any other subtype | base64 |
| mapping with text keys, list, tuple | object, array |
| reference (DBRef) | the object that it is stored as: `$ref`, `$id` |
| enumeration | what its value is |

A binary of subtype 3 is base64: it is a UUID in the byte order of a driver that it does not name.

Refused: NaN and infinity, text that is no Unicode (a lone surrogate), a whole number beyond 64 bits,
a decimal beyond Decimal128, a date beyond the calendar, more than 100 levels, and whatever JSON has
no value for: a regular expression, a timestamp, code, MinKey, a set, a date without time, an object
of a class such as a dataclass.
"""  # noqa: E501 - a table

import decimal
import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from bson import Binary, Code, DBRef, Decimal128, ObjectId
from bson.binary import UUID_SUBTYPE
from bson.datetime_ms import DatetimeMS

from postbox.errors import InvalidPayload

DEPTH_MAX: Final = 100
"""MongoDB's own limit of nesting."""
PLAIN_DIGITS_MAX: Final = 40
NAME_CHARACTERS_MAX: Final = 100
"""So much of each name is in a path."""
WHOLE_FROM: Final = 2.0**31
WHOLE_TO: Final = 2.0**53
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
UUID_BYTES: Final = 16
_AS_IT_IS: Final = frozenset({bool, type(None)})


def json_value(value: object, path: str = "data") -> Any:
    """The JSON value of `value`; InvalidPayload names the path of what has none.

    A mapping or list in which every value is its own JSON value is returned as it is.
    """
    try:
        return _converted(value, 0)
    except _Refused as refused:
        where = f"{path}{''.join(reversed(refused.steps))}"
        printable = where.encode(errors="backslashreplace").decode()
        raise InvalidPayload(printable, refused.problem) from None


class _Refused(Exception):
    """A value that has none; each container on the way out adds its step to the path."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.steps: list[str] = []


def _converted(value: object, depth: int) -> Any:
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    rule = _RULES.get(kind) or _rule_of(value)
    return rule(value, depth)


def _mapping(value: Mapping[Any, Any], depth: int) -> Mapping[str, Any]:
    """The hot path: most values of most events are short texts and numbers."""
    if depth >= DEPTH_MAX:
        raise _Refused(f"more than {DEPTH_MAX} levels")
    changed: dict[str, Any] | None = None
    has_plain_keys = True
    key: Any = ""
    try:
        for key, part in value.items():
            if type(key) is not str or not key.isascii() or "\0" in key:
                _check_key(key)
                has_plain_keys = has_plain_keys and type(key) is str
            kind = type(part)
            if (kind is str and part.isascii()) or kind in _AS_IT_IS:
                continue
            if kind is int and INT_MIN <= part <= INT_MAX:
                continue
            if kind is float and -WHOLE_FROM < part < WHOLE_FROM:
                continue
            new = _converted(part, depth + 1)
            if new is not part:
                changed = changed or {}
                changed[key] = new
    except _Refused as refused:
        refused.steps.append(f".{str(key)[:NAME_CHARACTERS_MAX]}")
        raise
    if changed is None and has_plain_keys and type(value) is dict:
        return value
    new = {**value, **(changed or {})}
    return new if has_plain_keys else {str.__str__(key): part for key, part in new.items()}


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise _Refused("its name is not text")
    if "\0" in key:
        raise _Refused("its name has a null character")
    _text(key, 0)


def _list(value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
    if depth >= DEPTH_MAX:
        raise _Refused(f"more than {DEPTH_MAX} levels")
    changed: list[Any] | None = None
    index = 0
    try:
        for index, part in enumerate(value):
            kind = type(part)
            if (kind is str and part.isascii()) or kind in _AS_IT_IS:
                continue
            if kind is float and -WHOLE_FROM < part < WHOLE_FROM:
                continue
            new = _converted(part, depth + 1)
            if new is not part:
                changed = changed or list(value)
                changed[index] = new
    except _Refused as refused:
        refused.steps.append(f"[{index}]")
        raise
    if changed is None and type(value) is list:
        return value
    return changed or list(value)


def _text(value: str, _: int) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Refused("a text that is not Unicode") from None
    return value if type(value) is str else str.__str__(value)


def _whole(value: int, _: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise _Refused("a whole number beyond 64 bits")
    return int(value)


def _double(value: float, _: int) -> float | int:
    if not math.isfinite(value):
        raise _Refused(f"JSON has no value for {value}")
    if WHOLE_FROM <= abs(value) <= WHOLE_TO and value.is_integer():
        return int(value)
    return value if type(value) is float else float(value)


def _decimal(value: Decimal, _: int) -> str:
    if not value.is_finite():
        raise _Refused(f"JSON has no value for {value}")
    try:
        exact = Decimal128(value)
    except decimal.DecimalException:
        raise _Refused("a decimal beyond the 34 digits and the range of Decimal128") from None
    exponent = int(value.as_tuple().exponent)
    # Plain digits of the largest exponent are 6,145 characters: not even made to be measured.
    if abs(exponent) <= PLAIN_DIGITS_MAX or (exponent > 0 and not value):
        plain = format(value, "f")
        if len(plain) <= PLAIN_DIGITS_MAX:
            return plain
    return str(exact)


def _decimal128(value: Decimal128, depth: int) -> str:
    return _decimal(value.to_decimal(), depth)


def _time(value: datetime, _: int) -> str:
    if value.tzinfo is not None:
        try:
            value = value.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            raise _Refused("a date beyond the calendar in UTC") from None
    return f"{value.isoformat()}Z"


def _beyond_the_calendar(value: DatetimeMS, _: int) -> str:
    raise _Refused(f"a date beyond the calendar ({int(value)} ms)")


def _binary(value: Binary, _: int) -> str:
    if value.subtype == UUID_SUBTYPE and len(value) == UUID_BYTES:
        return str(UUID(bytes=bytes(value)))
    return b64encode(value).decode()


def _bytes(value: bytes | bytearray | memoryview, _: int) -> str:
    return b64encode(bytes(value)).decode()


def _named(value: object, _: int) -> str:
    return str(value)


def _reference(value: DBRef, depth: int) -> Any:
    return _mapping(value.as_doc(), depth)


def _member(value: Enum, depth: int) -> Any:
    return _converted(value.value, depth)


def _no_value(value: object, _: int) -> Any:
    raise _Refused(f"JSON has no value for {type(value).__name__}")


Rule = Callable[[Any, int], Any]
_RULES: Final[dict[type, Rule]] = {
    str: _text,
    int: _whole,
    float: _double,
    dict: _mapping,
    list: _list,
    tuple: _list,
    datetime: _time,
    DatetimeMS: _beyond_the_calendar,
    UUID: _named,
    ObjectId: _named,
    Binary: _binary,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    Decimal: _decimal,
    Decimal128: _decimal128,
    Code: _no_value,
    DBRef: _reference,
}
_SUBCLASSES: Final[tuple[tuple[type, Rule], ...]] = (
    (Enum, _member),
    (str, _text),
    (int, _whole),
    (float, _double),
    (Mapping, _mapping),
    (list, _list),
    (tuple, _list),
    (datetime, _time),
    (Decimal, _decimal),
    (bytes, _bytes),
)
"""Of a type that has no rule of its own: that of the first of these that it is."""


def _rule_of(value: object) -> Rule:
    return next((rule for kind, rule in _SUBCLASSES if isinstance(value, kind)), _no_value)
