"""Money moves at the provider without us: support staff refund there, and customers dispute."""

import asyncio
from typing import Final

from scenarios.clients.gateway import PRICE
from scenarios.context import StoryContext
from scenarios.outcome import (
    CANCEL_REQUESTED,
    CHARGED_BACK,
    CONFIRMED,
    DISPUTE_WON,
    DISPUTED,
    REFUNDED,
    cancelled,
    confirmed,
    gone,
)
from scenarios.waiting import Broken

PART: Final = PRICE // 3


async def _booked(context: StoryContext) -> tuple[str, str]:
    """A confirmed booking, and its payment."""
    intent = context.intent()
    await context.gateway.book(intent)
    payment = await context.provider.charge(intent)
    await context.becomes(intent, "confirmed")
    return intent, payment


async def refunded_elsewhere(context: StoryContext) -> str:
    """A confirmed booking is refunded in the provider's dashboard.

    Goal: no free booking, and no second refund. Method: refund all of it at the provider, wait
    until the booking is cancelled, then cancel it once more.
    """
    intent, payment = await _booked(context)
    await context.provider.refund(payment)
    await context.becomes(intent, "cancelled")
    await context.gateway.cancel(intent)
    context.ends(intent, gone("refunded_elsewhere", REFUNDED, CANCEL_REQUESTED, refunded=PRICE))
    return "support refunded it at the provider; the booking was cancelled, its slot is free"


async def partial_refund_then_cancel(context: StoryContext) -> str:
    """A part is refunded in the provider's dashboard, and the booking is cancelled later.

    Goal: the customer gets the price back, no more. Method: refund a third at the provider; the
    booking stands; cancel it.
    """
    intent, payment = await _booked(context)
    await context.provider.refund(payment, PART)
    await context.tells_of(intent, REFUNDED)
    await context.becomes(intent, "confirmed")
    await context.gateway.cancel(intent)
    context.ends(intent, cancelled().plus(CONFIRMED, REFUNDED))
    return f"{PART} went back at the provider and the booking stood; cancelled, the rest followed"


async def dispute_lost(context: StoryContext) -> str:
    """The customer's bank takes the money of a confirmed booking.

    Goal: the booking is cancelled, and nothing is refunded on top. Method: open a dispute, see the
    booking stand, and lose it.
    """
    intent, payment = await _booked(context)
    dispute = await context.provider.dispute(payment)
    await context.tells_of(intent, DISPUTED)
    await context.becomes(intent, "confirmed")
    await context.provider.close_dispute(dispute, "lost")
    context.ends(intent, gone("charged_back", DISPUTED, CHARGED_BACK, charged_back=PRICE))
    return "the bank took the money; the booking was cancelled, nothing was refunded"


async def dispute_won(context: StoryContext) -> str:
    """A dispute that is won is as if it had never been.

    Goal: the booking stands, and is paid. Method: open a dispute of which no webhook tells, so that
    reconciliation finds it, and win it.
    """
    intent, payment = await _booked(context)
    dispute = await context.provider.dispute(payment, drop=True)
    await context.tells_of(intent, DISPUTED)
    await context.provider.close_dispute(dispute, "won")
    context.ends(intent, confirmed().plus(DISPUTED, DISPUTE_WON))
    return "the provider's list told of the dispute; it was won, and the booking stands"


async def refund_races_dashboard(context: StoryContext) -> str:
    """A booking is cancelled while support staff refund it at the provider.

    Goal: whoever is first, the customer gets the price back once. Method: both at the same moment.
    """
    intent, payment = await _booked(context)

    async def in_the_dashboard() -> bool:
        try:
            await context.provider.refund(payment)
        except Broken:  # the payment service was first, and nothing was left
            return False
        return True

    _, was_first = await asyncio.gather(context.gateway.cancel(intent), in_the_dashboard())
    elsewhere = gone("refunded_elsewhere", REFUNDED, CANCEL_REQUESTED, refunded=PRICE)
    context.ends(intent, cancelled().plus(CONFIRMED), elsewhere)
    await context.becomes(intent, "cancelled")
    return f"{'the dashboard' if was_first else 'the payment service'} was first; it went back once"
