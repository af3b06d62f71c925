"""Time limits: nobody pays, somebody pays too late, or paid in time while nobody could listen."""

import asyncio
from typing import Final

from scenarios.clients.gateway import PRICE
from scenarios.context import StoryContext, require
from scenarios.outcome import CAPTURED, REFUNDED, REJECTED, confirmed, failed
from scenarios.waiting import eventually

CUSTOMERS: Final = 10
QUEUE: Final = "booking.events"


async def payment_timeout(context: StoryContext) -> str:
    """A booking that nobody pays for fails at its deadline.

    Goal: no saga waits forever. Method: book and wait.
    """
    intent = context.intent()
    await context.gateway.book(intent)
    await context.has_a_short_limit(intent)
    await context.becomes(intent, "failed")
    context.ends(intent, failed("payment_timeout"))
    return "booked; nobody paid"


async def late_payment(context: StoryContext) -> str:
    """A payment that comes after the deadline goes back.

    Goal: a late charge is refunded, not ignored. Method: book, wait for the deadline, then pay.
    """
    intent = context.intent()
    await context.gateway.book(intent)
    await context.has_a_short_limit(intent)
    await context.becomes(intent, "failed")
    await context.provider.charge(intent)
    late = failed("payment_timeout")
    context.ends(intent, late.plus(CAPTURED, REJECTED, REFUNDED, captured=PRICE, refunded=PRICE))
    return "booked, paid after the deadline"


async def late_paid_backlog(context: StoryContext) -> str:
    """Customers who paid in time are confirmed, although the booking service slept past the limit.

    Goal: after an outage the backlog is read before any deadline is judged. Method: book; kill -9
    the booking service; pay; wait until every deadline has passed and every payment lies in the
    queue; start it again.
    """
    intents = context.intents(CUSTOMERS)
    await asyncio.gather(*(context.gateway.book(intent) for intent in intents))
    for intent in intents:
        await context.has_a_short_limit(intent)
    async with context.without("booking"):
        await asyncio.gather(*(context.provider.charge(intent) for intent in intents))

        async def overdue() -> bool:
            left = [await context.records.seconds_left(intent) for intent in intents]
            return all(seconds is not None and seconds <= 0 for seconds in left)

        await eventually(overdue, for_what="every deadline to pass")
        queued = await context.broker.waiting(QUEUE)
        require(queued >= CUSTOMERS, f"only {queued} messages wait for the booking service")
    for intent in intents:
        context.ends(intent, confirmed())
    return f"{CUSTOMERS} paid in time; the booking service came back after all deadlines"
