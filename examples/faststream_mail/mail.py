"""Mails by FastStream: one for each order that was placed, once in effect, and an event of it."""

import os
from dataclasses import dataclass
from typing import Any

from faststream import FastStream
from faststream.rabbit import RabbitBroker, RabbitQueue
from pymongo import AsyncMongoClient

from postbox import Outbox, event
from postbox.integrations.faststream import EventDecoder, OnceInEffect, TransactionSession


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


@event("mail.written", subject="order_id")
@dataclass(frozen=True)
class MailWritten:
    order_id: str


client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(os.environ["MONGO_URI"])
database = client.get_default_database()
outbox = Outbox(database, source="/mail")
once = OnceInEffect(database)
broker = RabbitBroker(
    os.environ["RABBITMQ_URI"], decoder=EventDecoder(OrderPlaced), middlewares=[once]
)
app = FastStream(broker)


@app.on_startup
async def prepare() -> None:
    await outbox.prepare()
    await once.prepare()


@broker.subscriber(RabbitQueue("mail", declare=False))
async def write(placed: OrderPlaced, session: TransactionSession) -> None:
    """A mail cannot be rolled back: whoever sends it takes up the row, with its id as a key."""
    mail = {"_id": placed.order_id, "text": f"You paid {placed.amount}.", "is_sent": False}
    await database["mails"].insert_one(mail, session=session)
    await outbox.add(session, MailWritten(placed.order_id))
