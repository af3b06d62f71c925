# Celery has no types:
# pyright: basic
"""Mails by Celery: a task for each order that was placed, once in effect."""

import os
from dataclasses import dataclass
from typing import Any

from celery import Celery
from pymongo import MongoClient
from pymongo.client_session import ClientSession

from postbox import event
from postbox.integrations.celery import Bridge, EventTasks


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


app = Celery("mail", broker=os.environ["CELERY_BROKER"])
app.conf.broker_transport_options = {"confirm_publish": True}
app.conf.task_default_queue = "celery_mail.tasks"

# Workers fork: the client connects in each of them, not here.
client: MongoClient[dict[str, Any]] = MongoClient(os.environ["MONGO_URI"], connect=False)
database = client.get_default_database()
events = EventTasks(app, database, queue="celery_mail")


@events.on(OrderPlaced)
def write(session: ClientSession, placed: OrderPlaced) -> None:
    """A mail cannot be rolled back: whoever sends it takes up the row, with its id as a key."""
    mail = {"_id": placed.order_id, "text": f"You paid {placed.amount}.", "is_sent": False}
    database["mails"].insert_one(mail, session=session)


if __name__ == "__main__":
    Bridge(events, uri=os.environ["RABBITMQ_URI"]).run()
