"""Two customers want the same hour."""

import asyncio

from scenarios.ending import CAPTURED, REFUNDED, REJECTED, confirmed, failed
from scenarios.gateway import PRICE
from scenarios.stage import Stage, free_slot
from scenarios.waiting import eventually


async def slot_conflict(stage: Stage) -> str:
    """Of two who want one slot, both paying, one gets it and the other gets the money back.

    Goal: no slot is sold twice. Method: book the same slot twice at the same moment, see which one
    fails, then pay for both.
    """
    intents = stage.intents(2)
    slot = free_slot()
    await asyncio.gather(*(stage.gateway.book(intent, slot=slot) for intent in intents))
    loser = await _loser(stage, intents)
    winner = next(intent for intent in intents if intent != loser)
    await asyncio.gather(*(stage.provider.charge(intent) for intent in intents))
    taken = failed("slot_unavailable")
    stage.ends(winner, confirmed())
    stage.ends(loser, taken.plus(CAPTURED, REJECTED, REFUNDED, captured=PRICE, refunded=PRICE))
    return "two wanted one hour and paid; one got it"


async def _loser(stage: Stage, intents: list[str]) -> str:
    async def failed_one() -> str | None:
        for intent in intents:
            if await stage.gateway.status(intent) == "failed":
                return intent
        return None

    return await eventually(failed_one, for_what="one of the two to fail")
