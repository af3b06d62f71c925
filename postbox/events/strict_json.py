"""JSON as RFC 8259 means it: of UTF-8, and each name of an object once."""

import json
from typing import Any

from orjson import JSONDecodeError, JSONEncodeError, dumps
from orjson import loads as parsed

from postbox.errors import MalformedMessage


def loads(body: bytes, what: str = "the body") -> Any:
    """The value of `body`. MalformedMessage where it is no JSON, or has a name twice."""
    try:
        value = parsed(body)
    except JSONDecodeError as error:
        raise MalformedMessage(f"{what} is not JSON: {error}") from error
    # What is written again as it came has no name twice: the quick answer for all that orjson
    # wrote. For others, the names are looked at one by one.
    try:
        is_as_written = dumps(value) == body
    except JSONEncodeError:  # it reads more levels than it writes
        is_as_written = False
    if not is_as_written:
        _check_names(body, what)
    return value


def _check_names(body: bytes, what: str) -> None:
    try:
        json.loads(body, object_pairs_hook=_once, parse_int=_unread, parse_float=_unread)
    except _Twice as twice:
        raise MalformedMessage(f"{what} has the name {twice} twice in one object") from None
    except RecursionError as error:
        raise MalformedMessage(f"{what} has too many levels") from error


class _Twice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise _Twice(repr(name))
        names.add(name)


def _unread(_: str) -> None:
    """Of a number, which may have more digits than Python would read."""
