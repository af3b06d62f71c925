"""Time limits: nobody pays, somebody pays too late, or paid in time while nobody could listen."""

import asyncio
from typing import Final

from scenarios.ending import CAPTURED, REFUNDED, REJECTED, confirmed, failed
from scenarios.gateway import PRICE
from scenarios.stage import Stage, require
from scenarios.waiting import eventually

CUSTOMERS: Final = 10
QUEUE: Final = "booking.events"


async def payment_timeout(stage: Stage) -> str:
    """A booking that nobody pays for fails at its deadline.

    Goal: no saga waits forever. Method: book and wait.
    """
    intent = stage.intent()
    await stage.gateway.book(intent)
    await stage.has_a_short_limit(intent)
    await stage.becomes(intent, "failed")
    stage.ends(intent, failed("payment_timeout"))
    return "booked; nobody paid"


async def late_payment(stage: Stage) -> str:
    """A payment that comes after the deadline goes back.

    Goal: a late charge is refunded, not ignored. Method: book, wait for the deadline, then pay.
    """
    intent = stage.intent()
    await stage.gateway.book(intent)
    await stage.has_a_short_limit(intent)
    await stage.becomes(intent, "failed")
    await stage.provider.charge(intent)
    late = failed("payment_timeout")
    stage.ends(intent, late.plus(CAPTURED, REJECTED, REFUNDED, captured=PRICE, refunded=PRICE))
    return "booked, paid after the deadline"


async def late_paid_backlog(stage: Stage) -> str:
    """Customers who paid in time are confirmed, although the booking service slept past the limit.

    Goal: after an outage the backlog is read before any deadline is judged. Method: book; kill -9
    the booking service; pay; wait until every deadline has passed and every payment lies in the
    queue; start it again.
    """
    intents = stage.intents(CUSTOMERS)
    await asyncio.gather(*(stage.gateway.book(intent) for intent in intents))
    for intent in intents:
        await stage.has_a_short_limit(intent)
    async with stage.without("booking"):
        await asyncio.gather(*(stage.provider.charge(intent) for intent in intents))

        async def overdue() -> bool:
            left = [await stage.records.seconds_left(intent) for intent in intents]
            return all(seconds is not None and seconds <= 0 for seconds in left)

        await eventually(overdue, for_what="every deadline to pass")
        queued = await stage.broker.waiting(QUEUE)
        require(queued >= CUSTOMERS, f"only {queued} messages wait for the booking service")
    for intent in intents:
        stage.ends(intent, confirmed())
    return f"{CUSTOMERS} paid in time; the booking service came back after all deadlines"
