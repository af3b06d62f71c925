"""kombu writes CASES to EXCHANGE, or reads COUNT messages of QUEUE, and decodes what it knows."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from typing import Any

import kombu
from amqp_values import CLIENT, cases, report

PERSISTENT = 2


def write(connection: Any) -> dict[str, str]:
    refused = {}
    for case in cases():
        name = f"{CLIENT}/{case['name']}"
        properties = dict(case["properties"])
        content_type = properties.pop("content_type", None)
        if isinstance(properties.get("timestamp"), datetime):  # kombu takes a number
            properties["timestamp"] = int(properties["timestamp"].timestamp())
        try:
            exchange = kombu.Exchange(os.environ["EXCHANGE"], no_declare=True)
            kombu.Producer(connection.channel(), exchange).publish(
                case["body"].encode(),
                routing_key=case["routing_key"],
                headers={**case["headers"], "case": name},
                content_type=content_type,
                content_encoding="utf-8",
                **properties,
            )
        except Exception as error:  # noqa: BLE001 - whatever it says is the cell
            refused[name] = f"{type(error).__name__}: {error}"
    return refused


def read(connection: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    channel = connection.channel()
    while len(found) < int(os.environ["COUNT"]):
        message = channel.basic_get(os.environ["QUEUE"], no_ack=True)
        if message is None:
            continue
        message = channel.message_to_python(message)
        one = {
            "id": message.properties.get("message_id"),
            "type": message.properties.get("type"),
            "content_type": message.content_type,
            "persistent": message.properties.get("delivery_mode") == PERSISTENT,
            "headers": message.headers,
        }
        try:
            one["body"] = message.decode()
        except Exception as error:  # noqa: BLE001 - whatever it says is the cell
            one["error"] = f"{type(error).__name__}: {error}"
        found.append(one)
    return found


with kombu.Connection(os.environ["RABBITMQ_URI"]) as connection:
    report((write if sys.argv[1] == "write" else read)(connection))
