"""Derives the schemas from the event types and keeps the files beside this one equal to them."""

import json
from pathlib import Path
from typing import Any, Final

from contracts.events import EVENTS, Event

FOLDER: Final = Path(__file__).parent
_TEXT: Final = {"type": "string", "minLength": 1}


def schema(event: type[Event]) -> dict[str, Any]:
    """The structured CloudEvent that carries `event`."""
    data = event.model_json_schema(by_alias=True, mode="validation")
    definitions = data.pop("$defs", {})
    properties = {
        "specversion": {"const": "1.0"},
        "id": _TEXT,
        "type": {"const": event.TYPE},
        "source": {"const": event.SOURCE},
        "subject": {**_TEXT, "description": "the intentId"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "traceparent": _TEXT,
        "tracestate": _TEXT,
        "data": data,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event.TYPE,
        "description": event.__doc__,
        "type": "object",
        "required": ["specversion", "id", "type", "source", "subject", "time", "data"],
        "properties": properties,
        **({"$defs": definitions} if definitions else {}),
    }


def files() -> dict[str, str]:
    """The name and the text of every schema file."""
    return {
        f"{event.TYPE}.json": json.dumps(schema(event), indent=2) + "\n"
        for event in EVENTS.values()
    }


def write() -> None:
    wanted = files()
    for stale in {path.name for path in FOLDER.glob("*.json")} - wanted.keys():
        (FOLDER / stale).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def drift() -> list[str]:
    """The names of the files that are missing, stale or different, in order."""
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    wanted = files()
    return sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
