#!/usr/bin/env bash
# FastStream 0.7.8: a body without a content type is tried as JSON, but one of a type that ends in +json, which
# says that it is, is handed over as bytes. A typed handler refuses these, and the message is rejected
# without requeue: so every CloudEvent in structured mode is lost, unless the queue dead-letters.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'faststream[rabbit]==0.7.8'
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
from typing import Any

from faststream.rabbit import RabbitBroker, TestRabbitBroker
from pydantic import BaseModel, ValidationError

BODY = b'{"id": "o1"}'
broker = RabbitBroker()
seen: list[Any] = []


class Order(BaseModel):
    id: str


@broker.subscriber("untyped")
async def untyped(body: Any) -> None:
    seen.append(body)


@broker.subscriber("typed")
async def typed(order: Order) -> None:
    seen.append(order)


async def main() -> None:
    async with TestRabbitBroker(broker):
        for content_type in (None, "application/json", "application/cloudevents+json"):
            await broker.publish(BODY, "untyped", content_type=content_type)
            print(f"{content_type!s:30} is {seen[-1]}")
        assert seen == [{"id": "o1"}, {"id": "o1"}, BODY]
        await broker.publish(BODY, "typed", content_type="application/json")
        assert seen[-1] == Order(id="o1")
        try:
            await broker.publish(BODY, "typed", content_type="application/cloudevents+json")
        except ValidationError as error:
            print("typed, as CloudEvent:", error.errors()[0]["msg"])
        else:
            raise AssertionError("it was taken")


asyncio.run(main())
PYTHON
