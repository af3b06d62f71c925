"""Moments as people on call write them: "90m" for so long ago, or a date and time."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_AGO: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, *, now: datetime) -> datetime:
    """`30s`, `90m`, `2h`, `3d` before `now`, or ISO 8601, which is UTC where it does not say."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no time: write 90m, 2h, 3d or 2026-11-22T10:00:00Z"
        ) from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
