"""FastStream writes CASES to EXCHANGE, or reads COUNT messages of QUEUE, decoded for a handler."""

import asyncio
import os
import sys
from typing import Any

from amqp_values import CLIENT, cases, report
from faststream.rabbit import RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue

PERSISTENT = 2


async def write() -> dict[str, str]:
    refused = {}
    exchange = RabbitExchange(os.environ["EXCHANGE"], declare=False)
    for case in cases():
        name = f"{CLIENT}/{case['name']}"
        properties = dict(case["properties"])
        app_id = properties.pop("app_id", None)
        if "type" in properties:
            properties["message_type"] = properties.pop("type")
        async with RabbitBroker(os.environ["RABBITMQ_URI"], app_id=app_id, logger=None) as broker:
            try:
                await broker.publish(
                    case["body"].encode(),
                    exchange=exchange,
                    routing_key=case["routing_key"],
                    headers={**case["headers"], "case": name},
                    **properties,
                )
            except Exception as error:  # noqa: BLE001 - whatever it says is the cell
                refused[name] = f"{type(error).__name__}: {error}"
    return refused


async def read() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    is_done = asyncio.Event()
    broker = RabbitBroker(os.environ["RABBITMQ_URI"], logger=None)

    @broker.subscriber(RabbitQueue(os.environ["QUEUE"], declare=False))
    async def handle(body: Any, message: RabbitMessage) -> None:
        raw = message.raw_message
        found.append(
            {
                "id": message.message_id,
                "type": raw.type,
                "content_type": message.content_type,
                "persistent": raw.delivery_mode == PERSISTENT,
                "headers": message.headers,
                "body": body,
            }
        )
        if len(found) == int(os.environ["COUNT"]):
            is_done.set()

    async with broker:
        await broker.start()
        await is_done.wait()
    return found


report(asyncio.run(write() if sys.argv[1] == "write" else read()))
