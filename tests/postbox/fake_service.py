"""The smallest service on postbox: it counts the orders, and emits an event for each count.

`python -m tests.postbox.fake_service` runs it as a process of its own, and `FakeService` within a
test.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from postbox.consumer import Consumer, ConsumerOptions, Consumption
from postbox.events import Decoder, Event, Message
from postbox.inbox import Apply, Decided, Handler, Inbox
from postbox.mongo import (
    Client,
    Database,
    DatabaseClock,
    Session,
    States,
    connect,
    ensure_collections,
    own_database,
)
from postbox.outbox import Outbox
from postbox.rabbitmq import Declare, Topology
from postbox.runtime import Health
from postbox.service import run
from tests.conftest import Space
from tests.eventually import eventually


@dataclass(frozen=True)
class Placed:
    """A customer ordered something."""

    TYPE: ClassVar[str] = "order.placed"
    order: str
    quantity: int = 1

    @property
    def subject(self) -> str:
        return self.order

    def data(self) -> Mapping[str, Any]:
        return {"order": self.order, "quantity": self.quantity}


@dataclass(frozen=True)
class Counted:
    """How much of an order there is by now."""

    TYPE: ClassVar[str] = "order.counted"
    order: str
    total: int

    @property
    def subject(self) -> str:
        return self.order

    def data(self) -> Mapping[str, Any]:
        return {"order": self.order, "total": self.total}


def decode(event: Event) -> Placed:
    if event.type != Placed.TYPE:
        raise ValueError(f"no event of ours: {event.type}")
    if not isinstance(event.data.get("quantity"), int):
        raise ValueError("quantity must be an integer")
    return Placed(event.data["order"], event.data["quantity"])


class Totals(Protocol):
    """The totals that one batch touches."""

    def get(self, order: str) -> int: ...

    def put(self, order: str, total: int) -> None: ...


def count(messages: Sequence[Message[Placed]], totals: Totals) -> list[Decided]:
    """The shop's only rule."""
    decided = []
    for message in messages:
        placed = message.fact
        total = totals.get(placed.order) + placed.quantity
        totals.put(placed.order, total)
        decided.append(Decided("count", [Counted(placed.order, total)]))
    return decided


class StoredTotals:
    def __init__(self, states: States) -> None:
        self._states = states

    def get(self, order: str) -> int:
        return int((self._states.get(order) or {}).get("total", 0))

    def put(self, order: str, total: int) -> None:
        self._states.put(order, {"total": total})


class Count:
    """The handler: counts in the collection `totals`."""

    def __init__(self, database: Database) -> None:
        self._totals = database["totals"]

    async def __call__(
        self, session: Session, messages: Sequence[Message[Placed]]
    ) -> Sequence[Decided]:
        orders = {message.fact.order for message in messages}
        states = await States.read(session, self._totals, orders)
        decided = count(messages, StoredTotals(states))
        await states.write(session)
        return decided


Wrap = Callable[[Handler[Placed]], Handler[Placed]]

QUICK = ConsumerOptions(retry_min_s=0.01, retry_max_s=0.05, dead_letter_retry_s=0.1)


class FakeService:
    """The service's parts, and what a test wants to know of its effects."""

    def __init__(
        self,
        client: Client,
        space: Space,
        *,
        options: ConsumerOptions = QUICK,
        wrap: Wrap = lambda handler: handler,
        decoder: Decoder[Placed] | None = None,
        table: Topology | None = None,
        declare: Declare = "all",
    ) -> None:
        self.database = own_database(client)
        self.topology = table or topology(space)
        self.queue = space.queue
        self.clock = DatabaseClock(client)
        self.health = Health("consumer")
        self.outbox = Outbox(self.database, source="/services/shop", clock=self.clock)
        self.batches: list[list[Message[Placed]]] = []
        self.stop = asyncio.Event()
        self._inbox = Inbox(self.database, consumer=self.queue, clock=self.clock)
        handler = self._recorded(wrap(Count(self.database)))
        self.consumer: Consumer[Placed] = Consumer(
            Consumption(
                queue=self.queue,
                decode=decoder or decode,
                apply=Apply(client, self._inbox, self.outbox, handler),
                options=options,
            ),
            uri=space.rabbitmq_uri,
            topology=self.topology,
            clock=self.clock,
            health=self.health,
            declare=declare,
        )

    async def prepare(self) -> None:
        await self.clock.sync()
        await self.outbox.prepare()
        await self._inbox.prepare()
        await ensure_collections(self.database, "totals")

    @asynccontextmanager
    async def open(self) -> AsyncIterator["FakeService"]:
        """Consumes for as long as the block runs; it is consuming when the block begins."""
        await self.prepare()
        self.stop.clear()
        task = asyncio.create_task(self.consumer.run(self.stop))
        try:
            await self.is_open()
            yield self
        finally:
            self.stop.set()
            await task

    async def is_open(self) -> None:
        """Returns once the consumer consumes."""

        async def look() -> bool:
            return not self.health.problems

        await eventually(look)

    async def total(self, order: str) -> int:
        row = await self.database["totals"].find_one({"_id": order})
        return int(row["total"]) if row else 0

    async def totals(self) -> dict[str, int]:
        return {row["_id"]: row["total"] async for row in self.database["totals"].find()}

    async def emitted(self) -> list[tuple[str, int]]:
        """The counts in the outbox, in no order."""
        rows = self.database["outbox"].find({"type": Counted.TYPE})
        return [(row["data"]["order"], row["data"]["total"]) async for row in rows]

    async def applied(self) -> int:
        """How many events the inbox knows."""
        return await self.database["inbox"].count_documents({})

    def _recorded(self, handler: Handler[Placed]) -> Handler[Placed]:
        async def recorded(
            session: Session, messages: Sequence[Message[Placed]]
        ) -> Sequence[Decided]:
            self.batches.append(list(messages))
            return await handler(session, messages)

        return recorded


def topology(space: Space) -> Topology:
    return Topology(exchange=space.exchange, queues={space.queue: [Placed.TYPE]})


def slowed(seconds: float) -> Wrap:
    """A fault: the handler takes its time."""

    def wrap(handler: Handler[Placed]) -> Handler[Placed]:
        async def slow(session: Session, messages: Sequence[Message[Placed]]) -> Sequence[Decided]:
            await asyncio.sleep(seconds)
            return await handler(session, messages)

        return slow

    return wrap


def failing_on(
    is_bad: Callable[[Placed], bool], error: type[Exception] = ZeroDivisionError
) -> Wrap:
    """A fault: the handler has a bug that only some orders meet."""

    def wrap(handler: Handler[Placed]) -> Handler[Placed]:
        async def buggy(session: Session, messages: Sequence[Message[Placed]]) -> Sequence[Decided]:
            decided = await handler(session, messages)
            for message in messages:
                if is_bad(message.fact):
                    raise error(f"cannot count {message.fact.order}")
            return decided

        return buggy

    return wrap


async def _main(stop: asyncio.Event) -> None:
    """The shop as a program, told by its environment where everything is."""
    space = Space(
        name=os.environ["SPACE"],
        mongo_uri=os.environ["MONGO_URI"],
        rabbitmq_uri=os.environ["RABBITMQ_URI"],
    )
    options = replace(QUICK, prefetch=int(os.environ.get("PREFETCH", "256")))
    async with connect(space.mongo_uri, application="shop") as client:
        wrap = slowed(float(os.environ.get("SLOW_S", "0")))
        service = FakeService(client, space, options=options, wrap=wrap)
        await service.prepare()
        await service.consumer.run(stop)


Main = Callable[[asyncio.Event], Awaitable[None]]

if __name__ == "__main__":
    run("shop", _main)
