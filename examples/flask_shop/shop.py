"""A shop on Flask and PyMongo: an order and its event commit together, or not at all."""

import os
from dataclasses import dataclass
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue
from pymongo import MongoClient
from pymongo.client_session import ClientSession

from postbox import event
from postbox.sync import Outbox, transaction


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


app = Flask(__name__)
client: MongoClient[dict[str, Any]] = MongoClient(os.environ["MONGO_URI"])
orders = client.get_default_database()["orders"]
outbox = Outbox(client.get_default_database(), source="/shop")
outbox.prepare()


@app.put("/orders/<order_id>")
def place(order_id: str) -> ResponseReturnValue:
    """The customer may send it again: the order is placed once, and so is its event."""
    amount = int(request.get_json()["amount"])

    def body(session: ClientSession) -> None:
        if orders.find_one({"_id": order_id}, session=session) is None:
            orders.insert_one({"_id": order_id, "amount": amount}, session=session)
            outbox.add(session, OrderPlaced(order_id, amount))

    transaction(client, body)
    return {"orderId": order_id}, 201
