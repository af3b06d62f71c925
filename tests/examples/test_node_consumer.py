"""The consumer in Node: it adds up each order once, though it is killed in between."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from postbox import event
from postbox.mongo import Client, own_database
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.examples.programs import NEEDS_NODE, running, site, user
from tests.postbox.broker import event_of

pytestmark = NEEDS_NODE
PROGRAM: Final = ("node", "--import", "./crash.mjs", "consumer.mjs")


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


@pytest.mark.fault(2, "killed after the commit, before the acknowledgement")
async def test_each_order_is_added_once(
    client: Client, mongo_uri: str, rabbitmq: RabbitMQ, node: Path, tmp_path: Path
) -> None:
    """Goal: every order once in effect, with the least rights. Method: SIGKILL after a commit."""
    database = own_database(client)
    uri = await user(rabbitmq, read="^sales$")
    variables = {"MONGO_URI": mongo_uri, "RABBITMQ_URI": uri}
    orders = [event_of(OrderPlaced(f"o{n}", 5)) for n in range(5)]
    async with site(rabbitmq, "sales", "sales.dead") as broker:
        await broker.declare("sales", "order.placed")
        await broker.publish(*orders, *orders, replace(orders[0], id="odd", data={"order_id": 7}))
        log, again = tmp_path / "log", tmp_path / "again"
        async with running(*PROGRAM, at=node, log=log, crash_at="ack", **variables) as killed:
            await killed.is_killed()
        assert await database["inbox"].count_documents({}) >= 1
        async with running(*PROGRAM, at=node, log=again, **variables) as adding:

            async def is_done() -> bool:
                applied = await database["inbox"].count_documents({})
                return applied == len(orders) and await broker.waiting("sales.dead") == 1

            await eventually(is_done)
            assert adding.process.returncode is None, adding.log.read_text()
    assert await database["sales"].find().to_list() == [{"_id": "all", "orders": 5, "amount": 25}]
