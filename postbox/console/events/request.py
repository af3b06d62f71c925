"""What an address asks for: the criteria of a search, each checked."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request

from postbox.operations import Criteria
from postbox.service import Problem

TEXT_CHARS_MAX: Final = 300
FIELDS: Final = ("id", "subject", "type", "source", "state", "trace", "since", "until", "text")
_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_AGO: Final = re.compile(r"(\d{1,5})(s|min|m|h|d)")
_UNIT_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}


def asked_for(request: Request) -> dict[str, str]:
    """The fields that are given, without those left empty. Problem 422 for one too long."""
    given = {name: request.query_params.get(name, "").strip() for name in FIELDS}
    for name, text in given.items():
        if len(text) > TEXT_CHARS_MAX:
            raise Problem(422, f"{name} is too long", field=name)
    return {name: text for name, text in given.items() if text}


def criteria(asked: Mapping[str, str]) -> Criteria:
    """Problem 422 names the field that is wrong."""
    trace = asked.get("trace", "").lower() or None
    if trace is not None and not is_trace(trace):
        raise Problem(422, "trace: expected 32 hexadecimal digits", field="trace")
    return Criteria(
        id=asked.get("id"),
        subject=asked.get("subject"),
        type=asked.get("type"),
        state=asked.get("state"),
        trace=trace,
        since=_moment("since", asked.get("since")),
        until=_moment("until", asked.get("until")),
    )


def is_trace(text: str) -> bool:
    """Whether `text` looks like a trace id."""
    return _TRACE.fullmatch(text) is not None


def _moment(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNIT_S[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(
            422, f"{name}: expected a time such as 2026-11-22T10:00, or 90m, 2h, 3d", field=name
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
