"""How values look to a person: times, lengths of time, counts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from postbox.operations import plain, seconds
from postbox.outbox import COUNT_MAX

_MILLISECONDS_MAX: Final = 10_000
_FIGURE_MAX: Final = 100


def duration(ms: float | None) -> str:
    """Milliseconds in the unit that reads best: 4 ms, 1.25 s, 12 s, 3 min."""
    if ms is None:
        return ""
    if abs(ms) < 1_000:
        return f"{ms:.0f} ms"
    if abs(ms) < _MILLISECONDS_MAX:
        return f"{ms / 1000:.2f} s"
    return seconds(ms / 1000)


def number(value: int | None) -> str:
    """With separators; a dash where it is not known."""
    return "–" if value is None else f"{value:,}"


def count(value: int | None) -> str:
    """As `number`, of rows, which are counted up to a limit: there may be more."""
    return f"{value:,}+" if value is not None and value >= COUNT_MAX else number(value)


def figure(value: float) -> str:
    """With one place behind the point where the value is small and has one."""
    return f"{value:.1f}" if abs(value) < _FIGURE_MAX and value % 1 else f"{value:,.0f}"


def rate(value: float | None) -> str:
    """So many a second; a dash where it is not known."""
    return "–" if value is None else f"{figure(value)}/s"


def moment(value: Any) -> str:
    """A time in UTC to the millisecond; what is no time as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    if not isinstance(value, datetime):
        return "" if value is None else str(value)
    zoned: datetime = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def pretty(value: Any) -> str:
    """Any value as JSON with indents."""
    return orjson.dumps(plain(value), option=orjson.OPT_INDENT_2).decode()


def short(text: object, characters: int = 13) -> str:
    """The end of a long id, which tells ids of one time apart."""
    said = str(text)
    return said if len(said) <= characters else f"…{said[-characters + 1 :]}"


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "count": count,
    "duration": duration,
    "figure": figure,
    "moment": moment,
    "number": number,
    "plain": plain,
    "pretty": pretty,
    "rate": rate,
    "seconds": seconds,
    "short": short,
}
