"""A service inside another program: with its client, in its life, and out of its way."""

import asyncio
import logging
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from pymongo import AsyncMongoClient

from postbox import Service, Session, Topology, TryAgain, transaction
from postbox.errors import ConfigurationError, SchemaMismatch
from postbox.mongo import Client, Document
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import Broker, broker, event_of
from tests.postbox.service.shop import (
    QUICK,
    Billed,
    Cancelled,
    Placed,
    count_orders,
    prepare,
    shop_of,
    topology,
)


async def test_it_lives_in_fastapis_lifespan_on_the_programs_own_client(space: Space) -> None:
    """Neither the program's client nor its signals nor its logging are the service's to touch."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(space.mongo_uri)
    database = client.get_default_database()
    shop = shop_of(database, space)
    count_orders(shop)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with shop.running(prepare=prepare):
            yield

    app = FastAPI(lifespan=lifespan)
    app.mount("/ops", shop.operations())

    @app.put("/orders/{order}")
    async def place(order: str) -> list[str]:
        async def body(session: Session) -> list[str]:
            return list(await shop.outbox.add(session, Placed(order)))

        return await transaction(client, body)

    signals = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    handlers = logging.getLogger().handlers[:]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        before = await http.get("/ops/readyz")
        assert (before.status_code, before.json()["checks"]["broker"]) == (503, "starting")
        async with app.router.lifespan_context(app), broker(space, topology(space)) as at:
            assert (await http.put("/orders/o1")).status_code == 200
            assert await database["outbox"].distinct("type") == ["order.placed"]
            await at.publish(event_of(Placed("o2")))

            async def is_billed() -> bool:
                return await database["outbox"].distinct("type") == ["order.billed", "order.placed"]

            await eventually(is_billed)
            ready = await http.get("/ops/readyz")
            assert ready.json()["checks"].keys() == {"database", "broker", "consumer"}
            assert ready.status_code == 200
            assert (await http.get("/ops/healthz")).status_code == 200
            shown = (await http.get("/ops/metrics")).text
    assert 'postbox_ready{otel_scope_name="postbox"' in shown
    assert f'queue="{space.queue}"' in shown
    assert signals == [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    assert handlers == logging.getLogger().handlers
    assert (await client.admin.command("ping"))["ok"] == 1.0
    await client.close()


async def test_two_services_in_one_process_keep_to_themselves(client: Client, space: Space) -> None:
    """Goal: each does its own work, and one that cannot go on leaves the other ready.

    Method: two services on one broker and client; the second has a part that fails.
    """
    queues = {space.queue: ["order.placed"], f"{space.exchange}.unrouted2": ["order.cancelled"]}
    table = Topology(exchange=space.exchange, queues=queues)
    fails = asyncio.Event()
    shop, office = (
        Service(name, topology=table, rabbitmq_uri=space.rabbitmq_uri, database=database)
        for name, database in (
            ("shop", client.get_default_database()),
            ("office", client.get_database(f"{space.name}_office")),
        )
    )
    count_orders(shop)

    @office.on(Cancelled)
    async def refund(session: Session, cancelled: Cancelled) -> Billed:
        return Billed(cancelled.order, -1)

    async def breaks(stop: asyncio.Event) -> None:
        await fails.wait()
        raise ZeroDivisionError("the office burns")

    async def office_hours(at: Broker) -> None:
        async with office.running():
            await at.publish(event_of(Placed("o1")), event_of(Cancelled(order="o2")))
            for one, subject in ((shop, "o1"), (office, "o2")):
                await eventually(partial(one.database["outbox"].count_documents, {}))
                assert await one.database["outbox"].distinct("subject") == [subject]
            fails.set()
            await asyncio.Event().wait()  # which is cancelled

    office.also(breaks)
    try:
        async with broker(space, table) as at, shop.running(prepare=prepare):
            with pytest.raises(ZeroDivisionError, match="the office burns"):
                await office_hours(at)
            assert office.health.problems["service"] == "the office burns"
            assert shop.health.problems == {}
            assert await readiness(shop) == {"shop": "1.0", "office": "0.0"}
            for queue in queues:
                await at.waits(queue, count=0)
                await at.waits(f"{queue}.dead", count=0)
            other = f"{space.exchange}.unrouted2"
            await at.channel.queue_delete(other)
            await at.channel.queue_delete(f"{other}.dead")
    finally:
        await client.drop_database(f"{space.name}_office")


async def readiness(service: Service) -> dict[str, str]:
    """What `postbox_ready` says of each service, at `/metrics` of one."""
    transport = httpx.ASGITransport(service.operations())
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        shown = (await http.get("/metrics")).text
    found = re.findall(r'^postbox_ready\{.*service="(shop|office)"\} (\S+)$', shown, re.MULTILINE)
    return dict(found)


async def test_what_keeps_it_from_starting_is_raised_where_it_runs(
    client: Client, space: Space
) -> None:
    database = client.get_default_database()
    await database.create_collection("outbox", capped=True, size=4096)
    with pytest.raises(SchemaMismatch, match="outbox"):
        async with shop_of(database, space).running():
            pytest.fail("it began")


async def test_a_block_does_not_begin_while_an_event_might_reach_nobody(
    client: Client, space: Space
) -> None:
    nowhere = Service(
        "shop",
        topology=topology(space),
        rabbitmq_uri="amqp://127.0.0.1:1/",
        database=client.get_default_database(),
    )
    with pytest.raises(TryAgain, match="queues were never declared"):
        async with nowhere.running(start_limit_s=1.0):
            pytest.fail("it began")


async def test_an_error_of_the_block_ends_the_service_and_is_raised(
    client: Client, space: Space
) -> None:
    shop = shop_of(client.get_default_database(), space)
    count_orders(shop)
    with pytest.raises(KeyError, match="its own"):
        async with shop.running(prepare=prepare):
            raise KeyError("its own")
    assert [task for task in asyncio.all_tasks() if "Work" in repr(task)] == []
    async with shop.running():  # and again
        assert not shop.health.problems.get("database")


def test_it_runs_again_on_another_event_loop(space: Space) -> None:
    """Goal: an application that makes its service once can be started by each of its tests.

    Method: two runs, each on a loop of its own, in which one event is handled and one is set aside;
    the handler keeps a collection from before the first.
    """
    shop = Service(
        "shop",
        topology=topology(space),
        mongo_uri=space.mongo_uri,
        rabbitmq_uri=space.rabbitmq_uri,
        options=QUICK,
    )
    count_orders(shop, tries=1)

    async def handled(subject: str, *, dead: int) -> None:
        async with broker(space, topology(space)) as at, shop.running(prepare=prepare):
            await at.publish(event_of(Placed(subject)), event_of(Placed(f"bad {subject}")))
            await eventually(partial(shop.database["outbox"].count_documents, {"subject": subject}))
            await at.waits(f"{space.queue}.dead", count=dead)
            assert shop.health.problems == {}

    asyncio.run(handled("o1", dead=1))
    asyncio.run(handled("o2", dead=2))


def test_a_service_has_one_database(space: Space, client: Client) -> None:
    table, uri = topology(space), space.rabbitmq_uri
    wrong: list[dict[str, Any]] = [
        {},
        {"client": client, "mongo_uri": space.mongo_uri},
        {"client": client, "database": AsyncMongoClient[Document]("mongodb://h/")["d"]},
    ]
    for given in wrong:
        with pytest.raises(ConfigurationError, match="service shop: "):
            Service("shop", topology=table, rabbitmq_uri=uri, **given)
    own = Service("shop", client=client, topology=table, rabbitmq_uri=uri).database
    assert own.name == client.get_default_database().name


@pytest.fixture
def unconfigured() -> Iterator[None]:
    """As in a program that has nothing to do with structlog."""
    was = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**was)


async def test_its_log_lines_go_where_the_programs_own_go(
    unconfigured: None, caplog: pytest.LogCaptureFixture, client: Client, space: Space
) -> None:
    with caplog.at_level(logging.INFO):
        async with shop_of(client.get_default_database(), space).running():
            structlog.get_logger().warning("a sentence", queue="q")
    assert "a sentence queue=q" in caplog.messages
    assert any(message.startswith("started") for message in caplog.messages)
