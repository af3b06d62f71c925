"""Whether two texts say the same time: the moment, and every digit of its fraction."""

from datetime import UTC, datetime
from typing import Any


def is_same_time(one: Any, other: Any) -> bool:
    """False where only one of them is a text."""
    if not isinstance(one, str) or not isinstance(other, str):
        return one is other
    return moment(one) == moment(other)


def moment(text: str) -> tuple[datetime, str]:
    """To the microsecond, and the fraction's digits."""
    fraction = text.partition(".")[2]
    digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))].rstrip("0")
    return datetime.fromisoformat(text).astimezone(UTC), digits
