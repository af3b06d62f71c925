"""Times as CloudEvents have them: RFC 3339, read without loss."""

import re
from datetime import datetime
from typing import Final

from postbox.errors import MalformedMessage

_SHAPE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
).fullmatch
MICROSECOND_DIGITS: Final = 7
"""Of a fraction, with its point."""


def read_time(text: str) -> tuple[datetime, str | None]:
    """The time that `text` names; and `text` again, where that says more than a datetime can.

    More is a fraction finer than a microsecond, and a leap second, for which the second before it
    stands. MalformedMessage for what RFC 3339 does not know.
    """
    try:
        if text[4:20:3] == "--T::." and text[26:] == "Z":  # as we write it ourselves: the quick way
            return datetime.fromisoformat(text), None
        shape = _SHAPE(text)
        if shape is None:
            raise ValueError("not of its form")
        upto_minute, second, fraction, zone = shape.groups()
        if zone is None:
            raise MalformedMessage(f"'time' has no offset from UTC: {text!r}")
        if second != "60" and len(fraction or "") <= MICROSECOND_DIGITS and zone != "z":
            return datetime.fromisoformat(text), None
        kept = "59" if second == "60" else second
        cut = (fraction or "")[:MICROSECOND_DIGITS]
        time = datetime.fromisoformat(f"{upto_minute}{kept}{cut}{zone.upper()}")
    except ValueError as error:
        raise MalformedMessage(f"'time' is not RFC 3339: {text!r}") from error
    is_whole = second != "60" and not (fraction or "")[MICROSECOND_DIGITS:].strip("0")
    return time, None if is_whole else text
