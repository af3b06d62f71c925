"""A shop that takes orders, on a client of any kind, as one test for all kinds uses it.

`python -m tests.postbox.clients.shop KIND ORDER` takes an order as a process of its own.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

import motor.motor_asyncio
import pymongo

import postbox
import postbox.motor
import postbox.sync
from postbox.mongo import answer, at_once

T = TypeVar("T")
KINDS: Final = ("asynchronous", "synchronous", "motor")
COLLECTIONS: Final = ("orders", "mails", "outbox", "inbox")
_CLIENTS: Final[dict[str, Any]] = {
    "asynchronous": pymongo.AsyncMongoClient,
    "synchronous": pymongo.MongoClient,
    "motor": motor.motor_asyncio.AsyncIOMotorClient,
}
_MODULES: Final[dict[str, Any]] = {
    "asynchronous": postbox,
    "synchronous": postbox.sync,
    "motor": postbox.motor,
}
Body = Callable[[Any], Coroutine[Any, Any, T]]
"""What a test does under a session. It awaits `answer(...)` of whatever it calls."""


@dataclass(frozen=True)
class Placed:
    """A customer ordered something."""

    TYPE: ClassVar[str] = "order.placed"
    subject: str

    def data(self) -> Mapping[str, Any]:
        return {"order": self.subject}


class Shop:
    def __init__(self, kind: str, uri: str, **options: Any) -> None:
        self.kind, self.uri = kind, uri
        self.module = _MODULES[kind]
        self.client = _CLIENTS[kind](uri, appname="tests", **options)
        self.database = self.client.get_default_database()
        self.orders = self.database["orders"]
        self.outbox = self.module.Outbox(self.database, source="/services/shop")
        self._loop = asyncio.get_running_loop()

    def inbox(self, consumer: str) -> Any:
        return self.module.Inbox(self.database, consumer=consumer)

    async def prepare(self) -> None:
        await self.do(lambda: self.outbox.prepare())
        await self.do(lambda: self.inbox("mail").prepare())
        for name in ("orders", "mails"):
            await self.do(partial(self.database.create_collection, name))

    async def empty(self) -> None:
        for name in COLLECTIONS:
            await self.do(partial(self.database[name].delete_many, {}))

    async def do(self, call: Callable[[], Any]) -> Any:
        """What `call` gives; it does not hold up the loop, whatever the kind."""
        return await answer(await asyncio.to_thread(call) if self._is_synchronous else call())

    async def transaction(self, body: Body[T], **options: Any) -> T:
        """Our own `transaction`."""
        done = self.do(lambda: self.module.transaction(self.client, self._taken(body), **options))
        result: T = await done
        return result

    async def own_transaction(self, body: Body[T]) -> T:
        """The program's own, by its driver's `with_transaction`."""

        async def run() -> T:
            session = await answer(self.client.start_session())
            try:
                result: T = await answer(session.with_transaction(self._taken(body)))
                return result
            finally:
                await answer(session.end_session())

        return await self.run(run())

    async def run(self, rule: Coroutine[Any, Any, T]) -> T:
        """Run what awaits nothing but `answer(...)`."""
        if self._is_synchronous:
            return await asyncio.to_thread(at_once, rule)
        return await rule

    async def meanwhile(self, other: Coroutine[Any, Any, T]) -> T:
        """Within what `transaction` or `run` runs: something else, which may wait for anything."""
        if self._is_synchronous:
            return asyncio.run_coroutine_threadsafe(other, self._loop).result()
        return await other

    async def place(self, session: Any, order: str = "o1") -> tuple[str, ...]:
        """An order, and the event of it."""
        await answer(self.orders.insert_one({"_id": order}, session=session))
        ids: tuple[str, ...] = await answer(self.outbox.add(session, Placed(order)))
        return ids

    async def placed(self) -> tuple[list[str], list[str]]:
        """The ids of the orders, and the subjects of the events."""
        orders = await self.do(lambda: self.orders.find().to_list(None))
        rows = await self.do(lambda: self.database["outbox"].find().to_list(None))
        return sorted(row["_id"] for row in orders), sorted(row["subject"] for row in rows)

    async def close(self) -> None:
        if self.kind == "asynchronous":
            await self.client.close()
        else:
            await asyncio.to_thread(self.client.close)

    @property
    def _is_synchronous(self) -> bool:
        return self.kind == "synchronous"

    def _taken(self, body: Body[T]) -> Callable[[Any], T | Awaitable[T]]:
        """`body` as the client takes it."""
        return (lambda session: at_once(body(session))) if self._is_synchronous else body


async def main(kind: str, order: str) -> None:
    shop = Shop(kind, os.environ["MONGO_URI"])
    await shop.transaction(lambda session: shop.place(session, order))
    await shop.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
