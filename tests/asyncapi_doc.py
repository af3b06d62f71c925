"""docs/api/asyncapi.json, from the contracts. `--check`: whether it is up to date."""

import json
import sys
from pathlib import Path
from typing import Final

from contracts.events import EVENTS
from contracts.topology import EXCHANGE, QUEUES
from postbox.asyncapi import asyncapi
from postbox.rabbitmq import Topology

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "api" / "asyncapi.json"


def text() -> str:
    document = asyncapi(
        Topology(exchange=EXCHANGE, queues=QUEUES),
        list(EVENTS.values()),
        title="Booking system",
        version="1.0.0",
        description="The events by which the gateway, booking and payment services talk.",
    )
    return json.dumps(document, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        is_stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text()
        if is_stale:
            print("docs/api/asyncapi.json is out of date: python -m tests.asyncapi_doc")
        return int(is_stale)
    PAGE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
