"""What is lost when every program is killed with SIGKILL under load.

Customers insist, as a provider does with its webhook: whatever is not answered is sent again. What
was answered for is owed.
"""

import asyncio
from typing import Final

from bench.bookings.customers import ACCEPTED
from bench.bookings.requests import Booking
from bench.errors import BenchFailed
from bench.peers.exchange import Exchange
from bench.peers.peer import Peer
from bench.workbench import Figures

CUSTOMERS: Final = 32
AGAIN_LIMIT_S: Final = 60.0
"""For the programs to start and answer again."""
REST_LIMIT_S: Final = 60.0
"""For what was answered for to be confirmed."""
PER_S_MAX: Final = 1_500


async def killed(peer: Peer, seconds: float) -> tuple[Figures, list[Booking]]:
    """Load for so long, killed in the middle; what came of it, and whose payment was accepted."""
    stock = peer.stock(int(PER_S_MAX * seconds))
    accepted: list[Booking] = []
    loop = asyncio.get_running_loop()
    end_s = loop.time() + seconds

    async def customer() -> None:
        wishes, payments = peer.urls
        async with Exchange(wishes) as wishing, Exchange(payments) as paying:
            while loop.time() < end_s and (booking := next(stock, None)) is not None:
                for exchange, request in ((wishing, booking.intent), (paying, booking.webhook)):
                    status, body = await exchange.insist(request)
                    if status not in ACCEPTED:
                        raise BenchFailed(f"{peer.TITLE} answered {status}: {body!r}")
                accepted.append(booking)

    customers = [asyncio.create_task(customer()) for _ in range(CUSTOMERS)]
    try:
        await asyncio.sleep(seconds / 2)
        await peer.kill()
        killed_s = loop.time()
        async with asyncio.timeout(AGAIN_LIMIT_S):
            await asyncio.gather(*customers)
        found = await peer.confirmed(accepted, REST_LIMIT_S)
    except TimeoutError as error:
        raise BenchFailed(f"{peer.TITLE} never answered again after a kill") from error
    finally:
        for one in customers:
            one.cancel()
        await asyncio.gather(*customers, return_exceptions=True)
    return {
        "killed.accepted": len(accepted),
        "killed.lost": len(accepted) - found,
        "killed.at_rest_s": loop.time() - killed_s,
    }, accepted
