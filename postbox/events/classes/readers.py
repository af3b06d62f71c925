"""Reading JSON values as the types that a dataclass names: the rules of payloads, backwards.

A type that has no rule, or a union of which JSON could not tell the members apart, is refused when
its class is declared, so that what is written is what is read.
"""

import types
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Literal, NewType, Union, get_args, get_origin
from uuid import UUID

from bson import Decimal128, ObjectId
from bson.errors import BSONError

from postbox.events.classes.form import Unreadable, form_of
from postbox.events.payload import json_value

_FOUND: Final[Mapping[type, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    dict: "an object",
    list: "an array",
    type(None): "null",
}
_JSON: Final = tuple(_FOUND)
_SCALARS: Final = frozenset({str, bool, int, type(None)})


class Unsupported(Exception):
    """No JSON value reads back as this type."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what `kinds` of JSON values it takes, of which the first is its own."""

    expected: str
    kinds: tuple[type, ...]
    read: Callable[[Any], Any]
    check: Callable[..., None] = lambda *, is_final: None

    def __call__(self, value: Any) -> Any:
        if type(value) not in self.kinds:
            raise Unreadable(f"expected {self.expected}, found {found(value)}")
        return self.read(value)


def found(value: object) -> str:
    """What a JSON value is, in words."""
    return _FOUND.get(type(value), type(value).__name__)


def reader(hint: Any) -> Reader:
    """The reader of a type. Unsupported where there is none."""
    while True:
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        else:
            break
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _READERS:
        return _READERS[hint]
    if origin in (Union, types.UnionType):
        return reader(Any) if Any in arguments else _union([reader(one) for one in arguments])
    if origin is Literal:
        return _choice({one: one for one in arguments})
    if origin in (list, Sequence) or hint is list:
        return _list(reader(arguments[0] if arguments else Any))
    if origin is tuple:
        return _tuple(arguments)
    if origin in (dict, Mapping) or hint is dict:
        return _mapping(*(arguments or (str, Any)))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choice({member.value: member for member in hint})
    return _object(hint)


def _object(hint: Any) -> Reader:
    form = form_of(hint) if isinstance(hint, type) else None
    if form is None:
        name = getattr(hint, "__name__", None) or repr(hint)
        raise Unsupported(f"no JSON value reads back as {name}")
    return Reader("an object", (dict,), form.decode, form.check)


def _union(members: list[Reader]) -> Reader:
    by_kind: dict[type, Reader] = {}
    for member in members:
        # A whole number and one with a fraction are told apart; each takes the other where alone.
        own = member.kinds[:1] if set(member.kinds) == {int, float} else member.kinds
        for kind in own:
            if kind in by_kind:
                both = f"{by_kind[kind].expected} from {member.expected}"
                raise Unsupported(f"JSON cannot tell {both}: use one of them")
            by_kind[kind] = member
    for member in members:
        for kind in member.kinds:
            by_kind.setdefault(kind, member)

    def check(*, is_final: bool) -> None:
        for member in members:
            member.check(is_final=is_final)

    return Reader(
        " or ".join(member.expected for member in members),
        tuple(by_kind),
        lambda value: by_kind[type(value)].read(value),
        check,
    )


def _choice(members: Mapping[Any, Any]) -> Reader:
    values = {(type(key), key): value for key, value in _as_json(members)}

    def read(value: Any) -> Any:
        try:
            return values[type(value), value]
        except KeyError:
            raise Unreadable(f"expected {expected}, found another") from None

    expected = "one of " + ", ".join(repr(key) for _, key in values)
    return Reader(expected, tuple({kind: None for kind, _ in values}), read)


def _as_json(members: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    for key in members:
        if type(key) not in _SCALARS:
            raise Unsupported(f"no JSON value reads back as {key!r}")
    return [(json_value(key), value) for key, value in members.items()]


def _list(item: Reader) -> Reader:
    def read(value: list[Any]) -> list[Any]:
        return [_inside(f"[{index}]", item, part) for index, part in enumerate(value)]

    return Reader("an array", (list,), read, item.check)


def _tuple(arguments: tuple[Any, ...]) -> Reader:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        items = _list(reader(arguments[0]))
        return Reader("an array", (list,), lambda value: tuple(items.read(value)), items.check)
    parts = [reader(one) for one in arguments]

    def read(value: list[Any]) -> tuple[Any, ...]:
        if len(value) != len(parts):
            raise Unreadable(f"expected an array of {len(parts)}, found one of {len(value)}")
        pairs = enumerate(zip(parts, value, strict=True))
        return tuple(_inside(f"[{index}]", part, one) for index, (part, one) in pairs)

    def check(*, is_final: bool) -> None:
        for part in parts:
            part.check(is_final=is_final)

    return Reader("an array", (list,), read, check)


def _mapping(key: Any, value: Any) -> Reader:
    if key not in (str, Any):
        raise Unsupported("the names of an object are texts: use dict[str, ...]")
    item = reader(value)

    def read(mapping: dict[str, Any]) -> dict[str, Any]:
        return {name: _inside(f".{name}", item, part) for name, part in mapping.items()}

    return Reader("an object", (dict,), read, item.check)


def _inside(step: str, one: Reader, value: Any) -> Any:
    try:
        return one(value)
    except Unreadable as error:
        raise error.inside(step) from None


def _whole(value: int | float) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise Unreadable("expected a whole number, found one with a fraction")
    return int(value)


def _fraction(value: int | float) -> float:
    if int(value) != int(float(value)):
        raise Unreadable("expected a number that a double holds, found one of more digits")
    return float(value)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("it has no offset from UTC")
    return time


def _text(expected: str, parse: Callable[[Any], Any], *kinds: type) -> Reader:
    def read(value: Any) -> Any:
        try:
            return parse(value)
        except (ValueError, TypeError, ArithmeticError, BSONError) as error:
            raise Unreadable(f"expected {expected}: {error}") from None

    return Reader(expected, (str, *kinds), read)


def _itself(value: Any) -> Any:
    return value


_READERS: Final[Mapping[Any, Reader]] = {
    Any: Reader("anything", _JSON, _itself),
    object: Reader("anything", _JSON, _itself),
    str: Reader("text", (str,), _itself),
    bool: Reader("true or false", (bool,), _itself),
    int: Reader("a whole number", (int, float), _whole),
    float: Reader("a number", (float, int), _fraction),
    type(None): Reader("null", (type(None),), _itself),
    None: Reader("null", (type(None),), _itself),
    datetime: _text("a time of RFC 3339", _time),
    UUID: _text("a UUID", UUID),
    ObjectId: _text("an ObjectId", ObjectId),
    Decimal: _text("a decimal", Decimal, int),
    Decimal128: _text("a decimal", lambda value: Decimal128(str(value)), int),
    bytes: _text("base64", lambda text: b64decode(text, validate=True)),
}
