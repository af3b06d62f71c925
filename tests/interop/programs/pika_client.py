"""pika writes CASES to EXCHANGE, or reads COUNT messages of QUEUE."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import Any

import pika
from amqp_values import CLIENT, cases, report

PERSISTENT = 2


def write(connection: Any) -> dict[str, str]:
    refused = {}
    for case in cases():
        name = f"{CLIENT}/{case['name']}"
        properties = dict(case["properties"])
        if isinstance(properties.get("timestamp"), datetime):  # pika takes a number
            properties["timestamp"] = int(properties["timestamp"].timestamp())
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            headers = {**case["headers"], "case": name}
            made = pika.BasicProperties(headers=headers, **properties)
            body = case["body"].encode()
            channel.basic_publish(os.environ["EXCHANGE"], case["routing_key"], body, made)
        except Exception as error:  # noqa: BLE001 - whatever it says is the cell
            refused[name] = f"{type(error).__name__}: {error}"
    return refused


def read(connection: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    channel = connection.channel()
    for _, properties, body in channel.consume(os.environ["QUEUE"], auto_ack=True):
        found.append(
            {
                "id": properties.message_id,
                "type": properties.type,
                "content_type": properties.content_type,
                "persistent": properties.delivery_mode == PERSISTENT,
                "headers": properties.headers,
                "body": json.loads(body),
            }
        )
        if len(found) == int(os.environ["COUNT"]):
            break
    return found


connection = pika.BlockingConnection(pika.URLParameters(os.environ["RABBITMQ_URI"]))
report((write if sys.argv[1] == "write" else read)(connection))
connection.close()
