"""FastStream's handlers get events as their classes, and apply each once in effect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from faststream import BaseMiddleware
from faststream.rabbit import RabbitBroker, RabbitQueue, RabbitRouter
from pydantic import BaseModel

from postbox import Outbox, Topology, event
from postbox.events import Event, cloudevents
from postbox.integrations.faststream import (
    Envelope,
    EventDecoder,
    OnceInEffect,
    TransactionSession,
)
from postbox.mongo import Client, own_database
from postbox.rabbitmq import connected
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import event_of
from tests.postbox.failpoints import failing

UNAUTHORIZED: Final = 13


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: int


@event("order.billed", subject="order_id")
class OrderBilled(BaseModel):
    order_id: str


@dataclass(frozen=True)
class Site:
    """A database, an exchange with two queues, and a FastStream broker that is not yet started."""

    space: Space
    client: Client
    channel: AbstractChannel
    broker: RabbitBroker
    queues: tuple[str, str]
    ends: list[type | None]
    """How each message ended: None, or the class of an error."""

    @property
    def queue(self) -> RabbitQueue:
        return RabbitQueue(self.queues[0], declare=False)

    async def publish(self, one: Event, *, prefix: str = "", **changes: Any) -> None:
        """In binary mode where there is a prefix."""
        body, headers = cloudevents.encode(one), cloudevents.message_headers(one)
        content_type = cloudevents.CONTENT_TYPE
        if prefix:
            body, attributes = cloudevents.encode_binary(one, prefix)
            headers |= attributes
            content_type = "application/json"
        exchange = await self.channel.get_exchange(self.space.exchange, ensure=False)
        message = aio_pika.Message(body, content_type=content_type, headers=headers, **changes)
        await exchange.publish(message, one.type)

    async def rows(self, collection: str) -> list[str]:
        found = own_database(self.client)[collection].find().sort("_id")
        return [row["_id"] async for row in found]

    async def handled(self, count: int, *, dead: int = 0) -> None:
        """Stop consuming after so many messages; none is left, and so many are dead letters."""

        async def is_done() -> bool:
            return len(self.ends) == count

        async def is_dead() -> bool:
            return await self._waiting(f"{self.queues[0]}.dead") == dead

        await eventually(is_done)
        await self.broker.stop()
        for queue in self.queues[: len(self.broker.subscribers)]:
            assert await self._waiting(queue) == 0
        await eventually(is_dead)

    async def _waiting(self, queue: str) -> int:
        declared = await self.channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0


@pytest.fixture
async def site(client: Client, space: Space) -> AsyncIterator[Site]:
    queues = (space.queue, f"{space.queue}.bills")
    table = Topology(exchange=space.exchange, queues={name: ["order.#"] for name in queues})
    async with connected(space.rabbitmq_uri, name="test") as link, link.channel() as channel:
        await table.declare(channel)
        ends: list[type | None] = []

        class Ends(BaseMiddleware[Any, Any]):
            async def after_processed(self, exc_type: Any = None, *_: object) -> bool:
                ends.append(exc_type)
                return False

        once = OnceInEffect(own_database(client))
        await once.prepare()
        broker = RabbitBroker(
            space.rabbitmq_uri,
            decoder=EventDecoder(OrderPlaced, OrderBilled),
            middlewares=[Ends, once],
            logger=None,
        )
        yield Site(space, client, channel, broker, queues, ends)
        for queue in (queues[1], f"{queues[1]}.dead"):
            await channel.queue_delete(queue)


@asynccontextmanager
async def consuming(site: Site) -> AsyncIterator[None]:
    async with site.broker:
        await site.broker.start()
        yield


@pytest.mark.parametrize("prefix", ["", "ce-", "cloudEvents_"], ids=["structured", "ce", "amqp"])
async def test_a_typed_handler_gets_its_class_and_the_envelope(site: Site, prefix: str) -> None:
    seen: list[tuple[OrderPlaced, Event]] = []

    @site.broker.subscriber(site.queue)
    async def mail(placed: OrderPlaced, envelope: Envelope) -> None:
        seen.append((placed, envelope))

    sent = event_of(OrderPlaced("o1", 5))
    async with consuming(site):
        await site.publish(sent, prefix=prefix)
        await site.handled(1)
    assert seen == [(OrderPlaced("o1", 5), sent)]


async def test_each_queue_applies_an_event_once(site: Site) -> None:
    """Goal: state and outgoing event once a queue. Method: each event comes three times."""
    database = own_database(site.client)
    outbox = Outbox(database, source="/mail")
    await outbox.prepare()

    @site.broker.subscriber(site.queue)
    async def bill(placed: OrderPlaced, session: TransactionSession, envelope: Envelope) -> None:
        await database["bills"].insert_one({"_id": placed.order_id}, session=session)
        await outbox.add(session, OrderBilled(order_id=placed.order_id))

    short = site.queues[1].removeprefix(site.space.name)
    router = RabbitRouter(prefix=site.space.name)

    @router.subscriber(RabbitQueue(short, declare=False))
    async def mail(placed: OrderPlaced, session: TransactionSession) -> None:
        await database["mails"].insert_one({"_id": placed.order_id}, session=session)

    site.broker.include_router(router)
    events = [event_of(OrderPlaced(order, 5)) for order in ("o1", "o2")]
    async with consuming(site):
        for one in events * 3:
            await site.publish(one)
        await site.handled(12)
    assert await site.rows("bills") == await site.rows("mails") == ["o1", "o2"]
    assert await site.rows("inbox") == sorted(
        f"{q}/{one.id}" for q in site.queues for one in events
    )
    rows = {row["subject"]: row async for row in database["outbox"].find()}
    assert {name: row["type"] for name, row in rows.items()} == dict.fromkeys(
        ("o1", "o2"), "order.billed"
    )
    for one in events:
        assert rows[one.subject or ""]["traceparent"][:35] == (one.traceparent or "")[:35]


async def test_what_no_handler_can_take_is_a_dead_letter_and_changes_nothing(site: Site) -> None:
    database = own_database(site.client)

    @site.broker.subscriber(site.queue)
    async def mail(placed: OrderPlaced, session: TransactionSession) -> None:
        await database["mails"].insert_one({"_id": placed.order_id}, session=session)
        if placed.amount < 0:
            raise ZeroDivisionError

    good, fails, incomplete, odd, malformed = (event_of(OrderPlaced("o1", n)) for n in range(5))
    async with consuming(site):
        await site.publish(replace(fails, data={"order_id": "o2", "amount": -1}))
        await site.publish(replace(incomplete, data={"order_id": "o3"}))
        await site.publish(replace(odd, type="order.odd"))
        await site.publish(replace(malformed, source=""))
        await site.publish(good)
        await site.handled(5, dead=4)
    raised = ["InvalidMessage", "InvalidMessage", "MalformedMessage", "None", "ZeroDivisionError"]
    assert sorted(getattr(end, "__name__", "None") for end in site.ends) == raised
    assert await site.rows("mails") == ["o1"]
    assert await site.rows("inbox") == [f"{site.queues[0]}/{good.id}"]


async def test_while_the_database_refuses_a_message_is_held(site: Site) -> None:
    database = own_database(site.client)

    @site.broker.subscriber(site.queue)
    async def mail(placed: OrderPlaced, session: TransactionSession) -> None:
        await database["mails"].insert_one({"_id": placed.order_id}, session=session)

    refused = failing(site.space.mongo_uri, "insert", times=3, errorCode=UNAUTHORIZED)
    async with refused, consuming(site):
        await site.publish(event_of(OrderPlaced("o1", 5)))
        await site.handled(1)
    assert await site.rows("mails") == ["o1"]
