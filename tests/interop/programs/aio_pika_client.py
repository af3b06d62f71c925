"""aio-pika writes CASES to EXCHANGE, or reads COUNT messages of QUEUE."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import aio_pika
from amqp_values import CLIENT, cases, report


async def write(channel: Any) -> dict[str, str]:
    exchange = await channel.get_exchange(os.environ["EXCHANGE"], ensure=False)
    refused = {}
    for case in cases():
        name = f"{CLIENT}/{case['name']}"
        try:
            headers = {**case["headers"], "case": name}
            message = aio_pika.Message(case["body"].encode(), headers=headers, **case["properties"])
            await exchange.publish(message, case["routing_key"])
        except Exception as error:  # noqa: BLE001 - whatever it says is the cell
            refused[name] = f"{type(error).__name__}: {error}"
    return refused


async def read(channel: Any) -> list[dict[str, Any]]:
    queue = await channel.get_queue(os.environ["QUEUE"])
    found: list[dict[str, Any]] = []
    async with queue.iterator(no_ack=True) as messages:
        async for message in messages:
            found.append(
                {
                    "id": message.message_id,
                    "type": message.type,
                    "content_type": message.content_type,
                    "persistent": message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT,
                    "headers": dict(message.headers),
                    "body": json.loads(message.body),
                }
            )
            if len(found) == int(os.environ["COUNT"]):
                return found
    return found


async def main() -> None:
    async with await aio_pika.connect(os.environ["RABBITMQ_URI"]) as connection:
        channel = await connection.channel()
        report(await (write if sys.argv[1] == "write" else read)(channel))


asyncio.run(main())
