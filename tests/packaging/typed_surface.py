"""The public interface as its users write it, for mypy and pyright: nothing here runs.

What is right passes both. What is wrong carries a mark for each, and both report a mark that is not
needed. What is public is typed throughout: `pyright --verifytypes`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

import msgspec
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorDatabase,
)
from pydantic import BaseModel
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.client_session import ClientSession
from pymongo.database import Database

import postbox.motor
import postbox.sync
from postbox import (
    Event,
    Inbox,
    Outbox,
    Service,
    Session,
    Topology,
    decode,
    event,
    transaction,
)
from postbox.testing import MemoryPostbox

Document = dict[str, Any]


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class Placed:
    order_id: str
    amount: int


@event("order.billed", subject="order_id")
class Billed(BaseModel):
    order_id: str
    amount: int


@event("order.shipped", subject="order_id")
class Shipped(msgspec.Struct, frozen=True):
    order_id: str


class NoEvent:
    """Of no kind that `@event` takes."""


def a_class_stays_what_it_is() -> None:
    assert_type(Placed("o1", 5), Placed)
    assert_type(Billed(order_id="o1", amount=5).amount, int)
    assert_type(decode(Shipped, {}), Shipped)
    Placed("o1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Shipped(order=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


shop = Service(
    "shop", mongo_uri="", rabbitmq_uri="", topology=Topology(queues={"shop": ["order.#"]})
)


@shop.on(Placed)
async def bill(session: Session, placed: Placed) -> Billed:
    return Billed(order_id=placed.order_id, amount=placed.amount)


@shop.on(Billed, queue="shop", tries=3, retry_min_s=0.1, retry_max_s=2.0)
async def ship(session: Session, billed: Billed) -> AsyncIterator[Shipped]:
    yield Shipped(billed.order_id)


@shop.on(Shipped)
async def thank(session: Session, shipped: Shipped) -> None: ...


@shop.on(Placed)
async def ship_at_once(session: Session, placed: Placed) -> Sequence[Billed | Shipped]:
    return [await bill(session, placed), Shipped(placed.order_id)]


@shop.on(Placed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def of_another_event(session: Session, billed: Billed) -> None: ...


@shop.on(Placed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def of_another_client(session: ClientSession, placed: Placed) -> None: ...


@shop.on(Placed)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def blocking(session: Session, placed: Placed) -> Billed:
    return Billed(order_id=placed.order_id, amount=placed.amount)


@shop.on(Placed)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def emits_what_is_no_event(session: Session, placed: Placed) -> NoEvent:
    return NoEvent()


async def a_handler_stays_the_function_that_it_is(session: Session, billed: Billed) -> None:
    assert_type(await bill(session, Placed("o1", 5)), Billed)
    assert_type([shipped async for shipped in ship(session, billed)], list[Shipped])


async def by_pymongo(client: AsyncMongoClient[Document], db: AsyncDatabase[Document]) -> None:
    outbox, inbox = Outbox(db, source="/shop"), Inbox(db, consumer="mail")

    async def body(session: Session) -> bool:
        sent = await outbox.add(
            *(session, Placed("o1", 5), Billed(order_id="o1", amount=5), Shipped("o1")),
            headers={"tenant": "t1"},
            deliver_at=datetime.now(UTC),
            routing_key="vip.order",
        )
        assert_type(sent, tuple[str, ...])
        await outbox.add(session, NoEvent())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        return await inbox.first_time(session, "m1")

    assert_type(await transaction(client, body), bool)


async def by_motor(
    client: AsyncIOMotorClient[Document], db: AsyncIOMotorDatabase[Document]
) -> None:
    outbox, inbox = postbox.motor.Outbox(db, source="/shop"), postbox.motor.Inbox(db, consumer="a")

    async def body(session: AsyncIOMotorClientSession) -> bool:
        assert_type(await outbox.add(session, Placed("o1", 5)), tuple[str, ...])
        return await inbox.first_time(session, "m1")

    assert_type(await postbox.motor.transaction(client, body, timeout_s=2), bool)


def by_pymongo_without_await(client: MongoClient[Document], db: Database[Document]) -> None:
    outbox, inbox = postbox.sync.Outbox(db, source="/shop"), postbox.sync.Inbox(db, consumer="mail")

    def body(session: ClientSession) -> bool:
        assert_type(outbox.add(session, Shipped("o1")), tuple[str, ...])
        return inbox.first_time(session, "m1")

    assert_type(postbox.sync.transaction(client, body), bool)


async def a_client_of_another_kind(
    client: MongoClient[Document], db: Database[Document], session: ClientSession, outbox: Outbox
) -> None:
    Outbox(db, source="/shop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await outbox.add(session, Placed("o1", 5))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def in_memory() -> None:
    double = MemoryPostbox()
    placed = double.event(Placed("o1", 5), headers={"tenant": "t1"})
    assert_type(await double.deliver(shop, placed), list[str])
    assert_type(await double.add(None, Shipped("o1"), deliver_at=double.now), tuple[str, ...])
    assert_type(double.advance(timedelta(days=1)), list[Event])
