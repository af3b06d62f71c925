"""A shop as a user of the library would write it: events of its own, handlers of one event each.

`python -m tests.postbox.service.shop` runs it as a process of its own, to be killed.
"""

import asyncio
import os
from dataclasses import dataclass

import msgspec
import pydantic

from postbox import Service, Session, Topology, event, run
from postbox.consumer import ConsumerOptions
from postbox.mongo import Database, connect, ensure_collections
from tests.conftest import Space

QUICK = ConsumerOptions(retry_min_s=0.01, retry_max_s=0.02, dead_letter_retry_s=0.1)


@event("order.placed", subject="order")
@dataclass(frozen=True)
class Placed:
    order: str
    quantity: int = 1


@event("order.billed", subject="order")
class Billed(msgspec.Struct, frozen=True):
    order: str
    total: int


@event("order.cancelled", subject="order")
class Cancelled(pydantic.BaseModel):
    order: str


def topology(space: Space) -> Topology:
    return Topology(exchange=space.exchange, queues={space.queue: ["order.placed", "*.cancelled"]})


def shop_of(database: Database, space: Space, *, options: ConsumerOptions = QUICK) -> Service:
    """The service without handlers, on a database of the program's own."""
    return Service(
        "shop",
        topology=topology(space),
        rabbitmq_uri=space.rabbitmq_uri,
        database=database,
        options=options,
    )


async def prepare(database: Database) -> None:
    await ensure_collections(database, "orders")


def count_orders(shop: Service, *, tries: int | None = None) -> list[Placed]:
    """Register handlers that count; returns what they are called with."""
    calls: list[Placed] = []
    orders = shop.database["orders"]

    @shop.on(Placed, tries=tries)
    async def bill(session: Session, placed: Placed) -> Billed | None:
        calls.append(placed)
        before = await orders.find_one({"_id": placed.order}, session=session)
        total = (before["total"] if before else 0) + placed.quantity
        await orders.replace_one(
            {"_id": placed.order}, {"total": total}, upsert=True, session=session
        )
        if placed.order.startswith("bad"):
            raise ZeroDivisionError(f"cannot bill {placed.order}")
        return None if placed.order.startswith("free") else Billed(placed.order, total)

    return calls


async def _main(stop: asyncio.Event) -> None:
    space = Space(
        name=os.environ["SPACE"],
        mongo_uri=os.environ["MONGO_URI"],
        rabbitmq_uri=os.environ["RABBITMQ_URI"],
    )
    async with connect(space.mongo_uri, application="shop") as client:
        shop = shop_of(client.get_default_database(), space)
        count_orders(shop)
        async with shop.running(prepare=prepare):
            await stop.wait()


if __name__ == "__main__":
    run("shop", _main)
