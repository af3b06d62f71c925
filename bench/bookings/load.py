"""The stack's programs for one measurement, and customers who come at a steady rate."""

import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from bench.bookings.customers import Customers, at_rate
from bench.bookings.http import Pool
from bench.bookings.requests import BookingFactory
from bench.workbench import Workbench
from stack.info import Info
from stack.layout import APPLICATIONS

CONNECTIONS_MAX: Final = 128
"""To each of the two servers; a group commit takes as many."""
CONNECTIONS_MIN: Final = 8
SEED: Final = 20_261_122


@asynccontextmanager
async def running(
    bench: Workbench, environment: Mapping[str, str] | None = None
) -> AsyncIterator[BookingFactory]:
    """All programs, with these variables besides their own; what their customers write on."""
    stack = bench.stack
    try:
        for name in APPLICATIONS:
            await stack.release(name, environment, wait=False)
        await stack.ready(*APPLICATIONS)
        info = stack.info
        yield BookingFactory(
            gateway_url=info.gateway.url,
            payment_url=info.payment.url,
            secret=info.payment.webhook_secret,
        )
    finally:
        for name in APPLICATIONS:
            await stack.hold(name)


async def steady(
    bench: Workbench,
    customers: Customers,
    factory: BookingFactory,
    per_s: float,
    seconds: float,
    *,
    traced_every: int = 0,
) -> list[float]:
    """`per_s` new bookings a second, whatever became of the others; how long each took, in s."""
    bench.say(f"bookings: {per_s:,.0f} new ones a second for {seconds:g} s")
    stock = list(factory.bookings(int(2 * per_s * seconds) + 1, traced_every=traced_every))
    # As many as are in use all the time: a server closes one that is idle for long.
    connections = int(min(CONNECTIONS_MAX, max(CONNECTIONS_MIN, per_s)))
    async with connected(bench.stack.info, connections) as pools:
        customers.use(*pools)
        return await at_rate(customers, iter(stock), pauses(per_s), seconds=seconds)


@asynccontextmanager
async def connected(info: Info, size: int) -> AsyncIterator[tuple[Pool, Pool]]:
    """So many connections to the gateway, and to the payment service."""
    gateway = await Pool.connect([info.gateway.url], size)
    payment = await Pool.connect([info.payment.url], size)
    try:
        yield gateway, payment
    finally:
        gateway.close()
        payment.close()


def pauses(per_s: float) -> Iterator[float]:
    """Customers come independently of one another: the pauses are exponential."""
    drawn = random.Random(SEED)
    while True:
        yield drawn.expovariate(per_s)
