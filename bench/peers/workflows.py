"""What engines for workflows have in common: one door, and a request that waits for the result."""

import asyncio
import signal
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import httpx
import orjson

from bench.bookings.customers import Customers
from bench.bookings.http import Pool
from bench.bookings.requests import AMOUNT, CURRENCY, USERS, Booking
from bench.errors import BenchFailed
from bench.peers.exchange import Exchange
from bench.peers.peer import Peer
from postbox.embedded import Probe, Process, until_ready
from postbox.events import new_id

CONFIRMED: Final = b'"confirmed"'
AT_ONCE: Final = 32


class Waiting(Customers):
    """Customers who, once their wish is accepted, ask for the result and pay."""

    def __init__(self, results: Pool, ask: Callable[[str], bytes]) -> None:
        super().__init__()
        self._results = results
        self._ask = ask

    def _wished(self, booking: Booking, status: int) -> None:
        super()._wished(booking, status)
        self._results.send(self._ask(booking.intent_id), partial(self._told, booking))

    def _told(self, booking: Booking, status: int) -> None:
        if self._is_accepted("the question for the result", status):
            self.on_confirmed(booking.intent_id)

    def check(self) -> None:
        super().check()
        if self._results.failure is not None:
            raise self._results.failure


class Workflows(Peer):
    """Paths take the id of an intent."""

    WISH: str
    PAY: str
    RESULT: str

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def urls(self) -> tuple[str, str]:
        return self.url, self.url

    @abstractmethod
    def programs(self) -> Sequence[Process]:
        """Those that are killed."""

    def stock(self, count: int) -> Iterator[Booking]:
        for number in range(count):
            intent_id, payment_id = new_id(), f"pay-{new_id()}"
            intent = {
                "intentId": intent_id,
                "userId": f"user-{number % USERS}",
                "amount": AMOUNT,
                "currency": CURRENCY,
            }
            payment = {**intent, "paymentId": payment_id}
            once = {"idempotency-key": payment_id}
            yield Booking(
                intent_id=intent_id,
                payment_id=payment_id,
                intent=self._request("POST", self.WISH.format(intent_id), {}, intent),
                webhook=self._request("POST", self.PAY.format(intent_id), once, payment),
            )

    @asynccontextmanager
    async def customers(self, connections: int) -> AsyncIterator[Customers]:
        # A result is waited for all the while, and so by more at once than send anything.
        sizes = connections, connections, 2 * connections
        wishes, payments, results = pools = [await Pool.connect([self.url], n) for n in sizes]
        try:
            customers = Waiting(results, self._ask)
            customers.use(wishes, payments)
            yield customers
        finally:
            for pool in pools:
                pool.close()

    async def kill(self) -> None:
        for process in self.programs():
            process.send(signal.SIGKILL)
        for process in self.programs():
            await process.exited()
            await started(process)

    async def confirmed(self, bookings: Sequence[Booking], limit_s: float) -> int:
        rest, found = iter(bookings), 0

        async def ask() -> None:
            nonlocal found
            async with Exchange(self.url) as exchange:
                for booking in rest:
                    _, body = await exchange.insist(self._ask(booking.intent_id))
                    found += body == CONFIRMED

        asking = [asyncio.create_task(ask()) for _ in range(AT_ONCE)]
        done, late = await asyncio.wait(asking, timeout=limit_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in done:
            task.result()
        return found

    async def verify(self, bookings: Sequence[Booking]) -> None:
        found = await self.confirmed(bookings, limit_s=60)
        if found != len(bookings):
            raise BenchFailed(f"{self.TITLE}: {found:,} of {len(bookings):,} are confirmed")

    def _ask(self, intent_id: str) -> bytes:
        return self._request("GET", self.RESULT.format(intent_id), {})

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None
    ) -> bytes:
        content = b"" if body is None else orjson.dumps(body)
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: {urlsplit(self.url).netloc}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if body is not None:
            lines += ["content-type: application/json", f"content-length: {len(content)}"]
        return "\r\n".join([*lines, "", ""]).encode() + content


async def started(process: Process) -> None:
    """Start it, and return when it can do its work. NotReady with the end of its log otherwise."""
    await process.start()
    await until_ready(process, hopeless=lambda: process.pid is None)


def answers(url: str) -> Probe:
    """Whether this address is answered with success."""

    async def probe() -> str | None:
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            try:
                answer = await client.get(url)
            except httpx.HTTPError as error:
                return f"{url}: {error!r}"
        return None if answer.is_success else f"{url}: {answer.text}"

    return probe
