"""The FastStream example: a mail and its event for each order, though it is killed in between."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from postbox import event
from postbox.mongo import Client, own_database
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.examples.programs import EXAMPLES, python, running, site, user
from tests.postbox.broker import event_of

AT: Final = EXAMPLES / "faststream_mail"
PROGRAM: Final = python("-m", "faststream", "run", "mail:app")


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


@pytest.mark.fault(2, "killed after the commit, before the acknowledgement")
async def test_a_mail_for_each_order(
    client: Client, mongo_uri: str, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    """Goal: every order once in effect, with the least rights. Method: SIGKILL after a commit."""
    database = own_database(client)
    uri = await user(rabbitmq, read="^mail$")
    variables = {"MONGO_URI": mongo_uri, "RABBITMQ_URI": uri}
    orders = [event_of(OrderPlaced(order, 5)) for order in ("o1", "o2")]
    async with site(rabbitmq, "mail", "mail.dead") as broker:
        await broker.declare("mail", "order.placed")
        await broker.publish(*orders, replace(orders[0], id="odd", data={"order_id": 7}))
        log, again = tmp_path / "log", tmp_path / "again"
        crash = "transaction.committed"
        async with running(*PROGRAM, at=AT, log=log, crash_at=crash, **variables) as killed:
            await killed.is_killed()
        async with running(*PROGRAM, at=AT, log=again, **variables) as mailing:

            async def is_done() -> bool:
                applied = await database["inbox"].count_documents({})
                return applied == 2 and await broker.waiting("mail.dead") == 1

            await eventually(is_done)
            await mailing.stopped()
        assert await broker.waiting("mail") == 0
    mails = database["mails"].find().sort("_id")
    assert [row["_id"] async for row in mails] == ["o1", "o2"]
    rows = database["outbox"].find().sort("subject")
    assert [(row["type"], row["subject"]) async for row in rows] == [
        ("mail.written", "o1"),
        ("mail.written", "o2"),
    ]
