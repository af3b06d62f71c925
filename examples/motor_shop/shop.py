"""A shop on FastAPI and Motor: an order and its event commit together, or not at all."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
from pydantic import BaseModel

from postbox import event
from postbox.motor import Outbox, transaction


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


class Order(BaseModel):
    amount: int


client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(os.environ["MONGO_URI"])
orders = client.get_default_database()["orders"]
outbox = Outbox(client.get_default_database(), source="/shop")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
    await outbox.prepare()
    yield
    client.close()


app = FastAPI(lifespan=lifespan)


@app.put("/orders/{order_id}", status_code=201)
async def place(order_id: str, order: Order) -> dict[str, str]:
    """The customer may send it again: the order is placed once, and so is its event."""

    async def body(session: AsyncIOMotorClientSession) -> None:
        if await orders.find_one({"_id": order_id}, session=session) is None:
            await orders.insert_one({"_id": order_id, "amount": order.amount}, session=session)
            await outbox.add(session, OrderPlaced(order_id, order.amount))

    await transaction(client, body)
    return {"orderId": order_id}
