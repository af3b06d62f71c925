"""This project, as the others are measured: its programs with their defaults, and both servers."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Final, Self

from bench.bookings.customers import Customers
from bench.bookings.load import connected, running
from bench.bookings.requests import Booking, BookingFactory
from bench.bookings.verify import verify
from bench.bookings.views import watched
from bench.errors import BenchFailed
from bench.machine import versions
from bench.peers.peer import Peer
from bench.scale import FULL
from bench.workbench import Report, Workbench, until
from postbox.mongo import connect
from stack.embedded import Stack
from stack.layout import APPLICATIONS

SERVERS: Final = ("mongo", "rabbitmq")
POLL_S: Final = 0.1


class Ours(Peer):
    NAME: ClassVar = "ours"
    TITLE: ClassVar = "this project"

    def __init__(self, bench: Workbench, factory: BookingFactory, versions: str) -> None:
        self._bench = bench
        self._factory = factory
        self._versions = versions

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, say: Report) -> AsyncIterator[Self]:
        async with (
            Stack(folder, programs=()) as stack,
            connect(stack.info.mongo.uri, application="bench") as client,
        ):
            bench = Workbench(stack=stack, client=client, scale=FULL, say=say)
            about = await versions(bench)
            async with running(bench) as factory:
                text = f"MongoDB {about['mongodb']}, RabbitMQ {about['rabbitmq']}"
                yield cls(bench, factory, text)

    @property
    def versions(self) -> str:
        return self._versions

    def roots(self) -> Sequence[int]:
        return tuple(self._bench.pids(*APPLICATIONS, *SERVERS).values())

    @property
    def urls(self) -> tuple[str, str]:
        info = self._bench.stack.info
        return info.gateway.url, info.payment.url

    def stock(self, count: int) -> Iterator[Booking]:
        return self._factory.bookings(count)

    @asynccontextmanager
    async def customers(self, connections: int) -> AsyncIterator[Customers]:
        customers = Customers()
        async with (
            watched(self._bench.client["gateway"], customers.on_confirmed),
            connected(self._bench.stack.info, connections) as pools,
        ):
            customers.use(*pools)
            yield customers

    async def kill(self) -> None:
        stack = self._bench.stack
        await asyncio.gather(*(stack.hold(name) for name in APPLICATIONS))
        for name in APPLICATIONS:
            await stack.release(name, wait=False)

    async def confirmed(self, bookings: Sequence[Booking], limit_s: float) -> int:
        views = self._bench.client["gateway"]["views"]
        ids, found = [booking.intent_id for booking in bookings], 0

        async def are_all() -> bool:
            nonlocal found
            found = await views.count_documents({"_id": {"$in": ids}, "status": "confirmed"})
            return found == len(ids)

        try:
            await until(are_all, "all to be confirmed", limit_s=limit_s, poll_s=POLL_S)
        except BenchFailed:
            return found
        return found

    async def verify(self, bookings: Sequence[Booking]) -> None:
        await verify(self._bench, bookings)
