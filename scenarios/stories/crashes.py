"""Programs die with work in their hands, and come back."""

import asyncio
from typing import Final

from scenarios.context import StoryContext, require
from scenarios.outcome import CONFIRMED, cancelled, confirmed
from scenarios.waiting import eventually

CUSTOMERS: Final = 10


async def _book_and_pay(context: StoryContext, intents: list[str]) -> None:
    async def one(intent: str) -> None:
        await context.gateway.book(intent)
        await context.provider.charge(intent)
        context.ends(intent, confirmed())

    await asyncio.gather(*(one(intent) for intent in intents))


async def booking_service_down(context: StoryContext) -> str:
    """The booking service dies twice, with messages in its hands.

    Goal: nothing is lost and nothing is done twice. Method: kill -9 in a burst of bookings; book
    on while it is down; start it so that it dies once more, between the commit of its first batch
    and the acknowledgement; let it come back.
    """
    early, late = context.intents(CUSTOMERS), context.intents(CUSTOMERS)
    await _book_and_pay(context, early)
    async with context.without("booking"):
        await _book_and_pay(context, late)

        async def queued() -> int | None:
            count = await context.broker.waiting("booking.events")
            return count if count >= 2 * CUSTOMERS else None

        count = await eventually(queued, for_what="the events to wait in the queue")
        crash = {"CRASH_AT": "consumer.committed:1"}
        await context.stack.release("booking", crash, wait=False)
        await _dies(context, "booking")
    return f"killed twice; {count} events waited for it"


async def _dies(context: StoryContext, program: str) -> None:
    """Wait until the program, which was just started, is another process, or none."""
    seen: set[int] = set()

    async def another() -> bool:
        pid = context.stack.info.pid(program)
        if pid is not None:
            seen.add(pid)
        return bool(seen) and (pid is None or len(seen) > 1)

    await eventually(another, for_what=f"the {program} service to die at its crash point")


async def relay_down(context: StoryContext) -> str:
    """The relay is dead, and customers book and pay all the same.

    Goal: what is committed goes out when the relay is back. Method: kill -9 the relay; book and
    pay; see that no event goes out; start it again.
    """
    intents = context.intents(CUSTOMERS)
    async with context.without("relay"):
        await _book_and_pay(context, intents)

        async def all_pending() -> bool:
            return await context.records.pending(intents) == 2 * CUSTOMERS

        await eventually(all_pending, for_what="every intent and every payment to be in an outbox")
    return f"{2 * CUSTOMERS} events waited in the outboxes until the relay was back"


async def payment_service_down(context: StoryContext) -> str:
    """The payment service is dead when a customer pays and another one cancels.

    Goal: the webhook and the refund are late, not lost. Method: kill -9 the payment service; pay
    for one booking and cancel another, which was paid; start it again.
    """
    paying, cancelling = context.intents(2)
    await _book_and_pay(context, [cancelling])
    await context.becomes(cancelling, "confirmed")
    async with context.without("payment"):
        await context.gateway.book(paying)
        await context.provider.charge(paying)
        await context.gateway.cancel(cancelling)
        await context.becomes(cancelling, "cancelled")
        pending = await context.provider.webhooks_owed()
        require(pending > 0, "the provider owes no webhook, though nobody took it")
    context.ends(paying, confirmed())
    context.ends(cancelling, cancelled().plus(CONFIRMED))
    return "one paid and one cancelled while nobody could take or give money"


async def gateway_crash_after_commit(context: StoryContext) -> str:
    """The gateway dies after it accepted an intent and before it said so.

    Goal: the client's own retry is the same booking. Method: start the gateway with a crash point
    after the commit; book with an Idempotency-Key, then pay.
    """
    intent = context.intent()
    await context.stack.restart("gateway", {"CRASH_AT": "gateway.committed:1"})
    accepted = await context.gateway.book(intent, key=intent)
    require(accepted.replayed, "the retry was taken for another intent")
    await context.provider.charge(intent)
    context.ends(intent, confirmed())
    return "accepted, no answer; the retry got the same booking"
