"""The headers that an application gives its events, and which of a message's headers these are.

Text, booleans and whole numbers of 64 bits, for every AMQP client reads these alike. The names that
the envelope, the broker and this project use themselves are not an application's to give.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson import DBRef

from postbox.errors import InvalidPayload
from postbox.events.payload import json_value

NAME_BYTES_MAX: Final = 128
"""AMQP's limit."""
TOTAL_BYTES_MAX: Final = 64 * 1024
"""RabbitMQ takes no headers that are larger than a frame, 128 KiB, and closes the connection."""
FIXED_BYTES_MAX: Final = 10
"""Of a header beside its name and its text."""
SHOWN_CHARACTERS_MAX: Final = 100
"""So much of a name is in an error."""
_RESERVED: Final = frozenset(
    ("traceparent", "tracestate", "x-death", "x-delivery-count", "x-acquired-count")
)
_RESERVED_PREFIXES: Final = (
    *("x-postbox-", "x-first-death-", "x-last-death-"),
    *("ce-", "cloudevents"),
)
_COPIES: Final = frozenset(("CC", "BCC"))
"""RabbitMQ sends a message to the queues that these name too. In capitals alone."""


def checked_headers(headers: object) -> dict[str, Any]:
    """`headers` as they go over the wire. InvalidPayload names the one that cannot."""
    if isinstance(headers, DBRef):  # the driver makes one of any object with `$ref` and `$id`
        headers = headers.as_doc()
    if not isinstance(headers, Mapping):
        raise InvalidPayload("headers", "not an object")
    checked: dict[str, Any] = {}
    size = 0
    for name, value in headers.items():
        text = _name(name)
        checked[text] = one = _value(value, _path(name))
        size += len(text.encode()) + FIXED_BYTES_MAX
        size += len(one.encode()) if isinstance(one, str) else 0
    if size > TOTAL_BYTES_MAX:
        raise InvalidPayload("headers", f"over {TOTAL_BYTES_MAX:,} bytes")
    return checked


def application_headers(headers: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those of a message's headers that the application gave it, as they came."""
    return {name: value for name, value in (headers or {}).items() if not _is_reserved(name)}


def _name(name: object) -> str:
    path = _path(name)
    if not isinstance(name, str) or not name:
        raise InvalidPayload(path, "its name is not text, or empty")
    text: str = json_value(name, path)
    if "\0" in text:
        raise InvalidPayload(path, "its name has a null character")
    if len(text.encode()) > NAME_BYTES_MAX:
        raise InvalidPayload(path, f"its name is over {NAME_BYTES_MAX} bytes")
    if _is_reserved(text):
        raise InvalidPayload(path, "a name that postbox, CloudEvents or the broker uses itself")
    return text


def _value(value: object, path: str) -> str | bool | int:
    if not isinstance(value, str | int):
        kind = type(value).__name__
        raise InvalidPayload(path, f"not a text, a boolean or a whole number, but {kind}")
    one = json_value(value, path)
    assert isinstance(one, str | int)
    return one


def _path(name: object) -> str:
    shown = str(name)[:SHOWN_CHARACTERS_MAX]
    return f"headers.{shown.encode(errors='backslashreplace').decode()}"


def _is_reserved(name: str) -> bool:
    known = name.lower()
    return known in _RESERVED or known.startswith(_RESERVED_PREFIXES) or name in _COPIES
