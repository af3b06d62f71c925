"""A shop: an order and its event are one transaction, and each order is billed once."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pymongo import AsyncMongoClient

from postbox import Service, Session, Topology, event, transaction


@event("order.placed", subject="order_id")
class OrderPlaced(BaseModel):
    order_id: str
    amount: int


@event("order.billed", subject="order_id")
class OrderBilled(BaseModel):
    order_id: str
    amount: int


client = AsyncMongoClient[dict[str, Any]](os.environ["MONGO_URI"], tz_aware=True)
db = client.get_default_database()
queues = {"shop.billing": ["order.placed"], "shop.mail": ["order.billed"]}
topology, broker = Topology(queues=queues), os.environ["RABBITMQ_URI"]
shop = Service("shop", database=db, rabbitmq_uri=broker, topology=topology)


@shop.on(OrderPlaced)
async def bill(session: Session, placed: OrderPlaced) -> OrderBilled:
    await db["invoices"].insert_one({"_id": placed.order_id}, session=session)
    return OrderBilled(order_id=placed.order_id, amount=placed.amount)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
    async with client, shop.running():
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/ops", shop.operations())


@app.put("/orders/{order_id}", status_code=202)
async def place(order_id: str, amount: int) -> OrderPlaced:
    placed = OrderPlaced(order_id=order_id, amount=amount)

    async def body(session: Session) -> None:
        if await db["orders"].find_one({"_id": order_id}, session=session) is None:
            await db["orders"].insert_one({"_id": order_id, "amount": amount}, session=session)
            await shop.outbox.add(session, placed)

    await transaction(client, body)
    return placed
