"""A handler of one event: each event has its effect once, and what fails harms only itself."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest

from postbox import Event, Service, Session, Topology
from postbox.errors import DeclarationError
from postbox.events import Message
from postbox.events.cloudevents import encode
from postbox.inbox import Decided
from postbox.mongo import Client, Database
from postbox.rabbitmq import ERROR, REASON
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import Broker, broker, event_of
from tests.postbox.processes import KILLED, shop_process
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

SHOP = "tests.postbox.service.shop"


@pytest.fixture
def database(client: Client) -> Database:
    return client.get_default_database()


@pytest.fixture
def shop(database: Database, space: Space) -> Service:
    return shop_of(database, space)


async def applied(at: Broker, database: Database, space: Space, count: int) -> None:
    async def look() -> bool:
        assert await database["inbox"].count_documents({}) == count
        return True

    await eventually(look)
    await at.waits(space.queue, count=0)


async def totals(database: Database) -> dict[str, int]:
    return {row["_id"]: row["total"] async for row in database["orders"].find()}


async def billed(database: Database) -> dict[str, int]:
    rows = database["outbox"].find({"type": "order.billed"})
    return {row["subject"]: row["data"]["total"] async for row in rows}


async def test_an_event_and_its_repeats_have_their_effect_once(
    shop: Service, database: Database, space: Space
) -> None:
    calls = count_orders(shop)
    first, second, free = (
        event_of(Placed("o1", 2)),
        event_of(Placed("o1")),
        event_of(Placed("free")),
    )
    async with broker(space, topology(space)) as at:
        await at.publish(first, second, first, free, second)
        async with shop.running(prepare=prepare):
            await applied(at, database, space, 3)
            await at.publish(first)
            await at.waits(space.queue, count=0)
    assert await totals(database) == {"o1": 3, "free": 1}
    assert (await billed(database)).keys() == {"o1"}
    assert len(calls) == 3
    row = await database["outbox"].find_one({"data.total": 2})
    assert row is not None
    assert row["traceparent"].split("-")[1] == (first.traceparent or "").split("-")[1]


async def test_a_handler_stays_a_function_and_may_yield_what_it_emits(
    shop: Service, database: Database, space: Space
) -> None:
    @shop.on(Cancelled)
    async def refund(session: Session, cancelled: Cancelled) -> AsyncIterator[Billed]:
        for total in (-1, -2):
            yield Billed(cancelled.order, total)

    @shop.on(Placed)
    async def bill(session: Session, placed: Placed) -> list[Billed]:
        return [Billed(placed.order, 1), Billed(placed.order, 2)]

    session: Any = None
    assert await bill(session, Placed("o1")) == [Billed("o1", 1), Billed("o1", 2)]
    assert [one.total async for one in refund(session, Cancelled(order="o1"))] == [-1, -2]
    async with broker(space, topology(space)) as at:
        await at.publish(event_of(Cancelled(order="o1")), event_of(Placed("o2")))
        async with shop.running():
            await applied(at, database, space, 2)
    rows = database["outbox"].find({"type": "order.billed"})
    assert sorted([row["data"]["total"] async for row in rows]) == [-2, -1, 1, 2]


@pytest.mark.fault(14, "poison: a handler of one event")
async def test_what_fails_is_tried_then_set_aside_and_its_neighbours_go_on(
    shop: Service, database: Database, space: Space
) -> None:
    """Goal: of a batch, only the bad message is lost to the dead queue, and it leaves nothing.

    Method: a handler that raises after it has written; data that its class does not allow; a type
    that nobody handles.
    """
    calls = count_orders(shop, tries=3)
    async with broker(space, topology(space)) as at:
        await at.publish(*(event_of(Placed(f"o{number}")) for number in range(10)))
        await at.publish(event_of(Placed("bad")))
        await at.publish_raw(_placed(quantity="many"), type_="order.placed")
        await at.publish(event_of(Cancelled(order="o1")))
        await at.publish(*(event_of(Placed(f"p{number}")) for number in range(10)))
        async with shop.running(prepare=prepare):
            await applied(at, database, space, 20)
            letters = await at.dead(count=3)
    assert {(one.headers[REASON], one.headers[ERROR]) for one in letters} == {
        ("handler_failed", "ZeroDivisionError: cannot bill bad"),
        ("invalid", f"order.cancelled: {space.queue} has no handler for it"),
        ("invalid", "order.placed: data.quantity: expected a whole number, found text"),
    }
    assert len(await totals(database)) == len(await billed(database)) == 20
    assert sum(placed.order == "bad" for placed in calls) == 3 + 1  # once amid its batch


async def test_each_handler_has_tries_of_its_own(
    shop: Service, database: Database, space: Space
) -> None:
    tried: list[str] = []

    @shop.on(Placed, tries=2, retry_min_s=0.01)
    async def bill(session: Session, placed: Placed) -> None:
        tried.append(placed.order)
        raise ZeroDivisionError

    @shop.on(Cancelled)
    async def refund(session: Session, cancelled: Cancelled) -> None:
        tried.append(cancelled.order)
        raise ZeroDivisionError

    async with broker(space, topology(space)) as at, shop.running():
        await at.publish(event_of(Placed("placed")))
        await at.dead(count=1)
        await at.publish(event_of(Cancelled(order="cancelled")))
        await at.dead(count=1)
    assert tried == ["placed"] * 2 + ["cancelled"] * QUICK.tries_max


async def test_what_is_no_event_is_an_error_of_its_handler(
    shop: Service, database: Database, space: Space
) -> None:
    async def bill(session: Session, placed: Placed) -> dict[str, int]:
        return {"total": 1}

    shop.on(Placed, tries=1)(bill)  # type: ignore[type-var]
    async with broker(space, topology(space)) as at:
        await at.publish(event_of(Placed("o1")))
        async with shop.running():
            (letter,) = await at.dead(count=1)
    assert letter.headers[ERROR] == (
        "TypeError: bill returned dict: expected events in a list, one, or None"
    )


@pytest.mark.fault(16, "killed between commit and acknowledgement: a handler of one event")
async def test_killed_between_commit_and_acknowledgement(
    shop: Service, database: Database, space: Space
) -> None:
    """Goal: redelivered, found to be a duplicate. Method: a crash point between."""
    calls = count_orders(shop)
    async with broker(space, topology(space)) as at:
        await at.publish(*(event_of(Placed("o1")) for _ in range(3)))
        async with shop_process(space, crash_at="consumer.committed:1", module=SHOP) as process:
            assert await process.exit_code() == KILLED
        await at.waits(space.queue, count=3)
        async with shop.running(prepare=prepare):
            await applied(at, database, space, 3)
        assert await at.count(f"{space.queue}.dead") == 0
    assert await totals(database) == {"o1": 3}
    assert len(calls) < 3


async def test_handlers_that_are_slow_together_get_a_transaction_each(
    shop: Service, database: Database, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postbox.inbox.event_handlers.TOGETHER_LIMIT_S", 0.0)
    count_orders(shop)
    async with broker(space, topology(space)) as at:
        await at.publish(*(event_of(Placed("o1")) for _ in range(5)))
        async with shop.running(prepare=prepare):
            await applied(at, database, space, 5)
        assert await at.count(f"{space.queue}.dead") == 0
    assert await totals(database) == {"o1": 5}


# --- what is refused at the start

TWO = {"shop.events": ["order.placed"], "mail.events": ["order.#"], "log.events": ["stock.*"]}


def two_queues(queue: str | None = None) -> Service:
    shop = Service(
        "shop",
        topology=Topology(queues=TWO),
        mongo_uri="mongodb://127.0.0.1:1/shop",
        rabbitmq_uri="amqp://127.0.0.1:1/",
    )

    @shop.on(Placed, queue=queue)
    async def bill(session: Session, placed: Placed) -> None: ...

    return shop


async def refused(shop: Service) -> str:
    with pytest.raises(DeclarationError) as raised:
        async with shop.running():
            pass
    return str(raised.value)


async def test_a_handler_whose_queue_does_not_bind_its_event_is_refused() -> None:
    said = await refused(two_queues("log.events"))
    assert said == (
        "bill handles order.placed, which log.events does not bind:"
        " add 'order.placed' to it in the topology"
    )
    assert "queues are shop.events, mail.events" in await refused(two_queues("shop.event"))
    unbound = Service(
        "shop",
        topology=Topology(queues={"log.events": ["stock.*"]}),
        mongo_uri="mongodb://127.0.0.1:1/shop",
        rabbitmq_uri="amqp://127.0.0.1:1/",
    )
    count_orders(unbound)
    assert "no queue of the topology (log.events) binds: add" in await refused(unbound)


async def test_a_handler_whose_event_several_queues_bind_has_to_name_one() -> None:
    said = await refused(two_queues())
    assert "which shop.events and mail.events bind: name one with queue=" in said


async def test_a_queue_has_one_handler_for_an_event() -> None:
    twice = two_queues("shop.events")

    @twice.on(Placed, queue="shop.events")
    async def mail(session: Session, placed: Placed) -> None: ...

    assert "bill and mail both handle order.placed on shop.events" in await refused(twice)

    async def batch(session: Session, messages: Sequence[Message[Event]]) -> Sequence[Decided]:
        return []

    both = two_queues("shop.events")
    both.consume("shop.events", decode=lambda event: event, handler=batch)
    assert "service.consume('shop.events') handles all of its queue" in await refused(both)


def test_what_is_no_handler_is_refused_where_it_stands() -> None:
    shop = two_queues("shop.events")
    with pytest.raises(DeclarationError, match="int is no event"):

        @shop.on(int)
        async def count(session: Session, placed: int) -> None: ...

    with pytest.raises(DeclarationError, match="plain is not asynchronous"):

        @shop.on(Placed)  # type: ignore[type-var]
        def plain(session: Session, placed: Placed) -> None: ...

    with pytest.raises(DeclarationError, match="tries=0"):
        shop.on(Placed, tries=0)


@pytest.mark.parametrize(
    ("key", "type_", "is_bound"),
    [
        ("order.placed", "order.placed", True),
        ("order.*", "order.placed", True),
        ("order.*", "order.placed.late", False),
        ("order.#", "order.placed.late", True),
        ("order.#", "order", True),
        ("#.late", "order.placed.late", True),
        ("*.placed.#.late", "order.placed.late", True),
        ("#", "order", True),
        ("order", "orders", False),
    ],
)
def test_bindings_are_those_of_a_topic_exchange(key: str, type_: str, is_bound: bool) -> None:
    assert bool(Topology(queues={"q": [key]}).queues_for(type_)) is is_bound


def _placed(**data: Any) -> bytes:
    document = orjson.loads(encode(event_of(Placed("bad"))))
    return orjson.dumps(document | {"data": document["data"] | data})
