"""What a page says of one row, whoever wrote it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from postbox.console.masking import Masking
from postbox.operations import plain
from postbox.outbox import PENDING, event_id

_ENVELOPE: Final = ("type", "subject", "source", "time", "traceparent", "tracestate", "partition")
_LIFE: Final = ("state", "published_at", "parked", "deliver_at")


def summary(outbox: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a list: all but its data."""
    time, published_at = row.get("time"), row.get("published_at")
    after_ms = None
    if isinstance(time, datetime) and isinstance(published_at, datetime):
        after_ms = (published_at - time).total_seconds() * 1_000
    parked = row.get("parked")
    return {
        "outbox": outbox,
        "id": event_id(row["_id"]) or str(row["_id"]),
        **{name: row.get(name) for name in _ENVELOPE},
        "state": row.get("state") or PENDING,
        "published_at": published_at,
        "published_after_ms": after_ms,
        "parked": parked if isinstance(parked, Mapping) else None,
        "deliver_at": row.get("deliver_at"),
        "trace": trace_of(row),
    }


def whole(outbox: str, row: Mapping[str, Any], mask: Masking) -> dict[str, Any]:
    """A row with its data, masked, and whatever else its producer wrote into it."""
    known = {"_id", "data", *_ENVELOPE, *_LIFE}
    others = {name: value for name, value in row.items() if name not in known}
    return {**summary(outbox, row), "data": mask(row.get("data")), "others": others}


def containing(text: str, mask: Masking) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a row's data, as a page shows it, contains `text`, in upper or lower case."""
    wanted = text.casefold()

    def contains(row: Mapping[str, Any]) -> bool:
        shown = orjson.dumps(plain(mask(row.get("data"))))
        return wanted in shown.decode().casefold()

    return contains


def life(event: Mapping[str, Any], takers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What became of an event, in the order of the times; `kind` is one of five."""
    parked = event["parked"] or {}
    moments = [
        {"kind": "written", "at": event["time"], "what": event["outbox"]},
        {"kind": "scheduled", "at": event["deliver_at"], "what": None},
        {"kind": "parked", "at": parked.get("at"), "what": parked.get("reason")},
        {"kind": "published", "at": event["published_at"], "what": event["published_after_ms"]},
        *({"kind": "taken up", "at": one["at"], "what": one["consumer"]} for one in takers),
    ]
    known = [one for one in moments if one["at"] is not None or one["kind"] == "written"]
    return sorted(known, key=lambda one: (one["kind"] != "written", _order(one["at"])))


def _order(at: object) -> float:
    return at.timestamp() if isinstance(at, datetime) else 0.0


def trace_of(row: Mapping[str, Any]) -> str | None:
    """The trace id that a row's traceparent names."""
    parts = str(row.get("traceparent") or "").split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else None
