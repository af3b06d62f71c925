"""Times as the wire writes them: RFC 3339, always with an offset, read into UTC without loss."""

import re
from datetime import UTC, datetime
from typing import Final

_SHAPE: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parse(text: str) -> datetime:
    """The instant that `text` names, in UTC; ValueError where it names none."""
    if not _SHAPE.fullmatch(text):
        raise ValueError("must be an RFC 3339 time with an offset, like 2026-01-31T10:15:00Z")
    return to_utc(datetime.fromisoformat(text.upper()))


def to_utc(time: datetime) -> datetime:
    """`time` in UTC; one without an offset is refused, one that UTC cannot hold too."""
    if time.tzinfo is None:
        raise ValueError("must have an offset from UTC")
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the calendar") from error


def render(time: datetime) -> str:
    """`time` as RFC 3339 in UTC with a Z; fractions of a second only where there are some."""
    return to_utc(time).replace(tzinfo=None).isoformat() + "Z"
