"""What the messages of CASES carry, as Python has it; and what was read, as JSON has it."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

CLIENT = os.environ["CLIENT"]
KINDS = {
    "bytes": b64decode,
    "date": lambda text: datetime.fromisoformat(text).astimezone(UTC),
    "decimal": Decimal,
    "whole": int,
}


def cases() -> list[dict[str, Any]]:
    """Each with a name, properties, headers and a body, all in Python's own types."""
    found = json.loads(os.environ["CASES"])
    for case in found:
        for part in ("properties", "headers"):
            case[part] = {name: _value(value) for name, value in case[part].items()}
    return found


def _value(given: Any) -> Any:
    if isinstance(given, dict) and "kind" in given:
        return KINDS[given["kind"]](given["value"])
    return given


def report(found: Any) -> None:
    """As the last line that is printed."""
    print(json.dumps(_plain(found)))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.hex(" ")}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if isinstance(value, (str, int, float, type(None))) else str(value)
