"""A customer changes their mind: after the booking stands, or before it is even wished for."""

from scenarios.context import StoryContext
from scenarios.outcome import CONFIRMED, cancelled


async def cancel_after_confirm(context: StoryContext) -> str:
    """A confirmed booking is cancelled.

    Goal: its money goes back, once, however often it is cancelled. Method: book, pay, wait for the
    confirmation, cancel twice.
    """
    intent = context.intent()
    await context.gateway.book(intent)
    await context.provider.charge(intent)
    await context.becomes(intent, "confirmed")
    await context.gateway.cancel(intent)
    await context.gateway.cancel(intent)
    context.ends(intent, cancelled().plus(CONFIRMED))
    return "booked, paid, confirmed, then cancelled"


async def cancel_before_intent(context: StoryContext) -> str:
    """The cancellation is known before the intent.

    Goal: an intent that comes after its cancellation does not bring the booking back. Method: pay
    for an intent that nobody knows, cancel it once the gateway shows the payment, then book it.
    """
    intent = context.intent()
    await context.provider.charge(intent)
    await context.becomes(intent, "payment_received_first")
    await context.gateway.cancel(intent)
    await context.becomes(intent, "cancelled")
    await context.gateway.book(intent)
    context.ends(intent, cancelled())
    return "paid and cancelled; only then the intent came in"
