"""The Celery example: a mail for each order, though its bridge and its worker are killed."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from postbox import Event, event
from postbox.mongo import Client, own_database
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.examples.programs import EXAMPLES, LIMIT_S, python, running, site, user
from tests.postbox.broker import event_of
from tests.postbox.tcp_proxy import tcp_proxy

AT: Final = EXAMPLES / "celery_mail"
BRIDGE: Final = python("mail.py")
WORKER: Final = python("-m", "celery", "--app", "mail", "worker", "--pool", "solo", "-l", "info")
QUEUES: Final = ("celery_mail", "celery_mail.dead", "celery_mail.tasks")
TASKS: Final = "celery_mail[.]tasks|celery.*|.*pidbox"
"""What a worker declares: its queue, and what it is controlled and watched by."""


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


@pytest.mark.fault(2, "killed after the commit, before the acknowledgement")
async def test_a_mail_for_each_order(
    client: Client, mongo_uri: str, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    """Goal: every order once in effect, with the least rights.

    Method: SIGKILL of the bridge once a task is confirmed, and of the worker once one is committed.
    """
    tasks = f"^({TASKS}|amq[.]default)$"
    variables = {
        "MONGO_URI": mongo_uri,
        "RABBITMQ_URI": await user(rabbitmq, read="^celery_mail$"),
        "CELERY_BROKER": await user(rabbitmq, configure=tasks, write=tasks, read=tasks),
    }
    orders = [event_of(OrderPlaced(order, 5)) for order in ("o1", "o2")]
    async with site(rabbitmq, *QUEUES) as broker:
        await broker.declare("celery_mail", "order.placed")
        await broker.publish(*orders, replace(orders[0], id="odd", data={"order_id": 7}))
        log, committed = tmp_path / "log", "transaction.committed"
        async with running(*BRIDGE, at=AT, log=log, crash_at="bridge.sent", **variables) as killed:
            await killed.is_killed()
        async with (
            running(*BRIDGE, at=AT, log=tmp_path / "bridge", **variables) as bridging,
            running(*WORKER, at=AT, log=log, crash_at=committed, **variables) as killed,
        ):
            await killed.is_killed()
            await bridging.said("rejected a message of celery_mail, invalid: order.placed: data.")
            async with running(*WORKER, at=AT, log=log, **variables) as working:
                await working.said("'applied'", times=1)
                await working.said("'duplicate'", times=2)
                await working.stopped()
        assert await broker.waiting("celery_mail") == 0
        assert await broker.waiting("celery_mail.tasks") == 0
        assert await broker.waiting("celery_mail.dead") == 1
    mails = own_database(client)["mails"].find().sort("_id")
    assert [row["_id"] async for row in mails] == ["o1", "o2"]


async def test_events_are_held_while_celerys_broker_is_unreachable(
    mongo_uri: str, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    """Goal: none is lost or set aside, whether the bridge waits for the broker or is stopped.

    Method: its link to Celery's broker is cut.
    """
    orders = [event_of(OrderPlaced(order, 5)) for order in ("o1", "o2", "o3")]
    async with site(rabbitmq, *QUEUES) as broker, tcp_proxy(rabbitmq.uri) as link:
        await broker.declare("celery_mail", "order.placed")
        variables = {"MONGO_URI": mongo_uri, "RABBITMQ_URI": rabbitmq.uri}
        variables["CELERY_BROKER"] = link.uri
        async with running(*BRIDGE, at=AT, log=tmp_path / "log", **variables) as bridging:

            async def sent(tasks: int) -> None:
                are_there = partial(broker.has_waiting, "celery_mail.tasks", tasks)
                await eventually(are_there, limit_s=LIMIT_S)
                # The bridge may hear of it later than we do.
                await eventually(is_acknowledged, limit_s=LIMIT_S)

            async def is_acknowledged() -> bool:
                queues = await rabbitmq.ctl("list_queues", "name", "messages_unacknowledged")
                return "celery_mail\t0" in queues.splitlines()

            async def refused(order: Event) -> None:
                link.down()
                await broker.publish(order)
                await bridging.said(f"Celery's broker did not take {order.id}")

            await broker.publish(orders[0])
            await sent(1)
            await refused(orders[1])
            link.up()
            await sent(2)
            await refused(orders[2])
            await bridging.stopped()
        assert await broker.waiting("celery_mail") == 1
        assert await broker.waiting("celery_mail.dead") == 0
