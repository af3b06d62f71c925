"""A customer changes their mind: after the booking stands, or before it is even wished for."""

from scenarios.ending import CONFIRMED, cancelled
from scenarios.stage import Stage


async def cancel_after_confirm(stage: Stage) -> str:
    """A confirmed booking is cancelled.

    Goal: its money goes back, once, however often it is cancelled. Method: book, pay, wait for the
    confirmation, cancel twice.
    """
    intent = stage.intent()
    await stage.gateway.book(intent)
    await stage.provider.charge(intent)
    await stage.becomes(intent, "confirmed")
    await stage.gateway.cancel(intent)
    await stage.gateway.cancel(intent)
    stage.ends(intent, cancelled().plus(CONFIRMED))
    return "booked, paid, confirmed, then cancelled"


async def cancel_before_intent(stage: Stage) -> str:
    """The cancellation is known before the intent.

    Goal: an intent that comes after its cancellation does not bring the booking back. Method: pay
    for an intent that nobody knows, cancel it once the gateway shows the payment, then book it.
    """
    intent = stage.intent()
    await stage.provider.charge(intent)
    await stage.becomes(intent, "payment_received_first")
    await stage.gateway.cancel(intent)
    await stage.becomes(intent, "cancelled")
    await stage.gateway.book(intent)
    stage.ends(intent, cancelled())
    return "paid and cancelled; only then the intent came in"
