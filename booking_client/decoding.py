"""JSON into the models, by their own types. What is not as they say is refused with its path."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from booking_client.errors import UnexpectedAnswer

T = TypeVar("T")


def decode(kind: type[T], content: bytes | str) -> T:
    """JSON as a `kind`. Raises `UnexpectedAnswer`."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise UnexpectedAnswer(f"{kind.__name__} is not JSON") from error
    return cast(T, _value(kind, document, kind.__name__))


def wire_name(field: Field[Any]) -> str:
    """As JSON has it: in camel case, unless the field says otherwise."""
    head, *rest = field.name.split("_")
    return str(field.metadata.get("name", head + "".join(part.capitalize() for part in rest)))


@cache
def types_of(kind: Hashable) -> Mapping[str, Any]:
    """The types of a model's fields, by their names."""
    return get_type_hints(kind)


def _value(kind: Any, value: object, path: str) -> object:
    if get_origin(kind) in (Union, UnionType):  # X | None
        if value is None:
            return None
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is tuple:
        items = cast("list[object]", _expected(list, value, path))
        item = get_args(kind)[0]
        return tuple(_value(item, one, f"{path}[{place}]") for place, one in enumerate(items))
    if get_origin(kind) is dict:
        return cast("dict[str, object]", _expected(dict, value, path))
    if is_dataclass(kind):
        return _object(kind, cast("dict[str, object]", _expected(dict, value, path)), path)
    if kind is datetime:
        return _time(_expected(str, value, path), path)
    if issubclass(kind, StrEnum):
        return kind(_expected(str, value, path))
    return _expected(kind, value, path)


def _object(kind: Any, document: Mapping[str, object], path: str) -> object:
    values: dict[str, object] = {}
    for one in fields(kind):
        name = wire_name(one)
        if "header" in one.metadata:
            continue
        if name in document:
            where = f"{path}.{name}"
            values[one.name] = _value(types_of(kind)[one.name], document[name], where)
        elif one.default is MISSING:
            raise UnexpectedAnswer(f"{path} has no {name}")
    return kind(**values)


def _expected(kind: type[T], value: object, path: str) -> T:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UnexpectedAnswer(f"{path} is {type(value).__name__} instead of {kind.__name__}")
    return value


def _time(text: str, path: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnexpectedAnswer(f"{path} is no time") from error
    if time.tzinfo is None:
        raise UnexpectedAnswer(f"{path} has no time zone")
    return time
