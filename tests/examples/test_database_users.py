"""The examples, each by a user of MongoDB with the least rights there."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from postbox import event
from postbox.mongo import Client, connect
from stack.servers.mongod import Mongod
from stack.servers.ports import LOOPBACK, free_port
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.examples.programs import EXAMPLES, LIMIT_S, NEEDS_NODE, python, running, site
from tests.postbox.broker import event_of

PASSWORD: Final = "secret"
ROOT: Final[list[Any]] = [{"role": "root", "db": "admin"}]
OWN: Final[list[Any]] = [{"role": "readWrite", "db": "shop"}]
INSERT: Final[list[Any]] = [
    {"resource": {"db": "shop", "collection": name}, "actions": ["insert"]}
    for name in ("orders", "outbox")
]
SHOPS: Final = {
    "flask": ("flask_shop", ("flask", "--app", "shop", "run")),
    "motor": ("motor_shop", ("uvicorn", "shop:app")),
    "fastapi": ("fastapi_shop", ("uvicorn", "shop:app")),
}
DECLARED: Final = ("shop.billing", "shop.billing.dead", "shop.mail", "shop.mail.dead")


CELERY: Final = ("-m", "celery", "--app", "mail", "worker", "--pool", "solo")
CONSUMERS: Final[dict[str, tuple[str, list[tuple[str, ...]]]]] = {
    "mail": ("faststream_mail", [python("-m", "faststream", "run", "mail:app")]),
    "celery_mail": ("celery_mail", [python("mail.py"), python(*CELERY)]),
    "sales": ("node_consumer", [("node", "consumer.mjs")]),
}
"""By queue: the example, and its programs."""
EFFECTS: Final = {"mail": "mails", "celery_mail": "mails", "sales": "sales"}


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Guarded:
    """A database that nobody reads or writes without rights."""

    mongod: Mongod
    administrator: Client

    def uri(self, user: str) -> str:
        return _uri(self.mongod, user)

    async def add_user(self, user: str, roles: list[Any]) -> None:
        await self.administrator.admin.command("createUser", user, pwd=PASSWORD, roles=roles)

    async def subjects(self) -> list[str]:
        return await self.administrator["shop"]["outbox"].distinct("subject")


def _uri(mongod: Mongod, user: str) -> str:
    uri = mongod.database("shop").replace("://", f"://{user}:{PASSWORD}@")
    return f"{uri}&authSource=admin"


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    key = tmp_path / "key"
    key.write_text("a key that members of a set would share")
    key.chmod(0o400)
    async with Mongod(tmp_path / "mongo", arguments=("--keyFile", str(key))) as mongod:
        async with connect(mongod.uri, application="tests") as first:  # whom loopback may make
            await first.admin.command("createUser", "root", pwd=PASSWORD, roles=ROOT)
        async with connect(_uri(mongod, "root"), application="tests") as administrator:
            yield Guarded(mongod, administrator)


@NEEDS_NODE
async def test_writers_by_users_of_their_own(
    guarded: Guarded, rabbitmq: RabbitMQ, node: Path, tmp_path: Path
) -> None:
    """Goal: the producer in Node needs to insert into two collections, a shop its own database."""
    await guarded.administrator.admin.command("createRole", "producer", privileges=INSERT, roles=[])
    await guarded.add_user("node", [{"role": "producer", "db": "admin"}])
    command, log = ("node", "producer.mjs", "node", "5"), tmp_path / "node.log"
    async with running(*command, at=node, log=log, MONGO_URI=guarded.uri("node")) as placing:
        await placing.said("placed node")
    for user, (example, shop) in SHOPS.items():
        await guarded.add_user(user, OWN)
        port = str(free_port())
        program = (sys.executable, "-m", *shop, "--port", port)
        variables = {"MONGO_URI": guarded.uri(user), "RABBITMQ_URI": rabbitmq.uri}
        log = tmp_path / f"{user}.log"
        async with (
            site(rabbitmq, *DECLARED),
            running(*program, at=EXAMPLES / example, log=log, **variables),
            httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", trust_env=False) as http,
        ):

            async def is_placed(http: httpx.AsyncClient = http, order: str = user) -> bool:
                try:
                    answer = await http.put(f"/orders/{order}?amount=5", json={"amount": 5})
                except httpx.ConnectError:
                    return False
                return answer.raise_for_status().is_success

            await eventually(is_placed, limit_s=LIMIT_S)
    assert sorted(await guarded.subjects()) == ["fastapi", "flask", "motor", "node"]


@NEEDS_NODE
@pytest.mark.parametrize("queue", CONSUMERS)
async def test_a_consumer_by_a_user_of_its_own(
    guarded: Guarded, rabbitmq: RabbitMQ, node: Path, tmp_path: Path, queue: str
) -> None:
    """Goal: a consumer needs no more than its own database."""
    example, programs = CONSUMERS[queue]
    await guarded.add_user("consumer", OWN)
    variables = {
        "MONGO_URI": guarded.uri("consumer"),
        "RABBITMQ_URI": rabbitmq.uri,
        "CELERY_BROKER": rabbitmq.uri,
    }
    effects = guarded.administrator["shop"][EFFECTS[queue]]
    async with (
        site(rabbitmq, queue, f"{queue}.dead", f"{queue}.tasks") as broker,
        AsyncExitStack() as during,
    ):
        await broker.declare(queue, "order.placed")
        await broker.publish(event_of(OrderPlaced("o1", 5)))
        at = node if programs[0][0] == "node" else EXAMPLES / example
        for number, program in enumerate(programs):
            log = tmp_path / f"{number}.log"
            await during.enter_async_context(running(*program, at=at, log=log, **variables))

        async def is_applied() -> bool:
            return await effects.count_documents({}) == 1

        await eventually(is_applied, limit_s=LIMIT_S)
