"""Two customers want the same hour."""

import asyncio

from scenarios.clients.gateway import PRICE
from scenarios.context import StoryContext, free_slot
from scenarios.outcome import CAPTURED, REFUNDED, REJECTED, confirmed, failed
from scenarios.waiting import eventually


async def slot_conflict(context: StoryContext) -> str:
    """Of two who want one slot, both paying, one gets it and the other gets the money back.

    Goal: no slot is sold twice. Method: book the same slot twice at the same moment, see which one
    fails, then pay for both.
    """
    intents = context.intents(2)
    slot = free_slot()
    await asyncio.gather(*(context.gateway.book(intent, slot=slot) for intent in intents))
    loser = await _loser(context, intents)
    winner = next(intent for intent in intents if intent != loser)
    await asyncio.gather(*(context.provider.charge(intent) for intent in intents))
    taken = failed("slot_unavailable")
    context.ends(winner, confirmed())
    context.ends(loser, taken.plus(CAPTURED, REJECTED, REFUNDED, captured=PRICE, refunded=PRICE))
    return "two wanted one hour and paid; one got it"


async def _loser(context: StoryContext, intents: list[str]) -> str:
    async def failed_one() -> str | None:
        for intent in intents:
            if await context.gateway.status(intent) == "failed":
                return intent
        return None

    return await eventually(failed_one, for_what="one of the two to fail")
