"""Customers who book and pay: each step follows the answer to the one before, by callbacks.

A booking is done when the read model shows it confirmed.
"""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from bench.bookings.http import Pool
from bench.bookings.requests import Booking
from bench.errors import BenchFailed

ACCEPTED: Final = range(200, 300)
REST_LIMIT_S: Final = 30.0

Done = Callable[[Booking, float], None]
"""Called with a booking that is confirmed, and when that was."""


class Customers:
    _gateway: Pool
    _payment: Pool

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Booking, Done]] = {}
        self._progress = asyncio.Event()
        self._failure: BenchFailed | None = None
        self._now_s = asyncio.get_running_loop().time
        self.confirmed: list[Booking] = []

    def use(self, gateway: Pool, payment: Pool) -> None:
        """From now on, these connections. To be said before the first one books."""
        self._gateway, self._payment = gateway, payment

    def begin(self, booking: Booking, done: Done) -> None:
        """Send the intent; the rest follows."""
        self._waiting[booking.intent_id] = (booking, done)
        self._gateway.send(booking.intent, partial(self._wished, booking))

    def _wished(self, booking: Booking, status: int) -> None:
        if self._is_accepted("the intent", status):
            self._payment.send(booking.webhook, partial(self._paid, booking))

    def _paid(self, _: Booking, status: int) -> None:
        self._is_accepted("the webhook", status)

    def _is_accepted(self, what: str, status: int) -> bool:
        if status not in ACCEPTED:
            self._failure = BenchFailed(f"{what} was answered with {status}")
            self._progress.set()
        return status in ACCEPTED

    def on_confirmed(self, intent_id: str) -> None:
        """The read model says so; again is nothing new."""
        waiting = self._waiting.pop(intent_id, None)
        if waiting is not None:
            booking, done = waiting
            booking.confirmed_s = self._now_s()
            self.confirmed.append(booking)
            done(booking, booking.confirmed_s)
            self._progress.set()

    async def all_confirmed(self) -> None:
        """Wait until nobody waits any more. BenchFailed where one was refused or forgotten."""
        try:
            while self._waiting:
                self._progress.clear()
                async with asyncio.timeout(REST_LIMIT_S):
                    await self._progress.wait()
                self.check()
        except TimeoutError as error:
            count = len(self._waiting)
            raise BenchFailed(f"{count:,} bookings were never confirmed") from error

    def check(self) -> None:
        """BenchFailed where a request was refused or a connection broke."""
        for failure in (self._failure, self._gateway.failure, self._payment.failure):
            if failure is not None:
                raise failure


async def at_once(
    customers: Customers, stock: Iterator[Booking], *, in_flight: int, seconds: float
) -> list[float]:
    """`in_flight` customers, each beginning anew when confirmed, for a while; all the times at
    which one was confirmed, in seconds since the beginning."""
    now_s = asyncio.get_running_loop().time
    began_s = now_s()
    times_s: list[float] = []

    def done(_: Booking, at_s: float) -> None:
        times_s.append(at_s - began_s)
        if at_s < began_s + seconds:
            begin()

    def begin() -> None:
        booking = next(stock, None)
        if booking is not None:
            customers.begin(booking, done)

    for _ in range(in_flight):
        begin()
    await customers.all_confirmed()
    return times_s


async def at_rate(
    customers: Customers, stock: Iterator[Booking], pauses_s: Iterator[float], *, seconds: float
) -> list[float]:
    """A customer at once, and another after each of `pauses_s`, whatever became of the others; each
    one's seconds from the moment it was due to be sent until it was confirmed."""
    now_s = asyncio.get_running_loop().time
    took_s: list[float] = []

    def done(booking: Booking, at_s: float) -> None:
        took_s.append(at_s - booking.began_s)

    due_s = began_s = now_s()
    for booking, pause_s in zip(stock, pauses_s, strict=False):
        if due_s > began_s + seconds:
            break
        if due_s > now_s():
            await asyncio.sleep(due_s - now_s())
        booking.began_s = due_s
        customers.begin(booking, done)
        customers.check()
        due_s += pause_s
    await customers.all_confirmed()
    return took_s
