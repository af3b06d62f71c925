"""The AMQP 0-9-1 frames of a published message, made at a tenth of a general codec's cost.

A message is a method frame (basic.publish), a header frame (its properties) and as many body frames
as its size takes. Every message is mandatory; those that are made here are persistent.
"""

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from pamqp import encode

METHOD, HEADER, BODY = 1, 2, 3
END: Final = b"\xce"
BASIC, PUBLISH = 60, 40
MANDATORY: Final = b"\x01"
PERSISTENT: Final = b"\x02"
ROUTES_CACHED_MAX: Final = 1_024
SHORT_TEXT_BYTES_MAX: Final = 255

# Property flags, and with them the order in which the properties follow.
CONTENT_TYPE, HEADERS, DELIVERY_MODE, MESSAGE_ID, TYPE = 1 << 15, 1 << 13, 1 << 12, 1 << 7, 1 << 5

FRAME: Final = Struct(">BHI")
"""How each begins: its kind, its channel, and the size of what follows, without the end."""
_METHOD: Final = Struct(">HHH")
MESSAGE_HEADER: Final = Struct(">HHQH")
"""Of a message: its class, a weight of no use, the size of its body, and the flags."""
_CONTENT: Final = Struct(">HHQ")
_FLAGS: Final = Struct(">H")
_LONG: Final = Struct(">I")
_WHOLE: Final = Struct(">cq")
"""Every whole number is one of 64 bits, so that a reader finds one type whatever its value."""
WHOLE_MIN, WHOLE_MAX = -(2**63), 2**63 - 1


def publish(
    channel: int,
    content_bytes_max: int,
    *,
    exchange: str,
    routing_key: str,
    properties: bytes,
    body: bytes,
) -> bytes:
    """All frames of one message. ValueError where a short text is over 255 bytes."""
    header = _CONTENT.pack(BASIC, 0, len(body)) + properties
    frames = [_method(channel, exchange, routing_key), _frame(HEADER, channel, header)]
    for start in range(0, len(body), content_bytes_max):
        frames.append(_frame(BODY, channel, body[start : start + content_bytes_max]))
    return b"".join(frames)


def properties(
    *, content_type: str, message_id: str, type_: str | None, headers: Mapping[str, Any]
) -> bytes:
    """The flags and properties of a persistent message."""
    flags = CONTENT_TYPE | HEADERS | DELIVERY_MODE | MESSAGE_ID | (TYPE if type_ is not None else 0)
    return b"".join(
        (
            _FLAGS.pack(flags),
            _known(content_type),
            _table(headers),
            PERSISTENT,
            _short(message_id),
            _known(type_) if type_ is not None else b"",
        )
    )


@lru_cache(ROUTES_CACHED_MAX)
def _method(channel: int, exchange: str, routing_key: str) -> bytes:
    arguments = (_METHOD.pack(BASIC, PUBLISH, 0), _short(exchange), _short(routing_key), MANDATORY)
    return _frame(METHOD, channel, b"".join(arguments))


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return FRAME.pack(kind, channel, len(payload)) + payload + END


def _short(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > SHORT_TEXT_BYTES_MAX:
        raise ValueError(f"over {SHORT_TEXT_BYTES_MAX} bytes: {text!r}")
    return bytes((len(encoded),)) + encoded


_known: Final = lru_cache(ROUTES_CACHED_MAX)(_short)
"""For texts of which there are few."""


def _table(headers: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = []
    for name, value in headers.items():
        if isinstance(value, str):
            encoded = value.encode()
            parts += (_known(name), b"S", _LONG.pack(len(encoded)), encoded)
        elif isinstance(value, bool):
            parts += (_known(name), b"t", bytes((value,)))
        elif isinstance(value, int) and WHOLE_MIN <= value <= WHOLE_MAX:
            parts += (_known(name), _WHOLE.pack(b"l", value))
        else:
            return encode.field_table(dict(headers))
    table = b"".join(parts)
    return _LONG.pack(len(table)) + table
