"""A repair of pamqp's decoding, without which one odd message keeps everybody from its queue.

A message's properties are whatever its publisher wrote: a text that is no UTF-8, or a time beyond
the calendar. pamqp takes such a message for a broken connection, which ends; the broker delivers it
again on the next one, and so without end, and counts a delivery each time for every message that
was under way beside it. Here such a text is read with replacement characters, such a time as none,
and headers that cannot be read as no headers; then the message is the consumer's to judge.
"""

from collections.abc import Callable
from datetime import datetime
from struct import Struct, error
from typing import Any, Final

from pamqp import decode

_LENGTH: Final = Struct(">I")
_UNREADABLE: Final = (ValueError, OverflowError, OSError, RecursionError, error)
Decoder = Callable[[bytes], tuple[int, Any]]


def _short_text(value: bytes) -> tuple[int, str]:
    end = value[0] + 1
    return end, value[1:end].decode(errors="replace")


def _time(value: bytes) -> tuple[int, datetime | None]:
    try:
        return decode.timestamp(value)
    except _UNREADABLE:
        return 8, None


def headers(value: bytes) -> tuple[int, dict[str, Any]]:
    """The table that `value` begins with, and its size."""
    try:
        end, table = decode.field_table(value)
    except _UNREADABLE:
        (size,) = _LENGTH.unpack_from(value)
        return _LENGTH.size + size, {}
    return end, dict(table)


def repair_decoding() -> None:
    """KeyError where pamqp has no decoder of that name any more."""
    repaired: dict[str, Decoder] = {"shortstr": _short_text, "timestamp": _time, "table": headers}
    for name, decoder in repaired.items():
        decode.METHODS[name]
        decode.METHODS[name] = decoder
    decode.TABLE_MAPPING[b"T"] = _time


repair_decoding()
