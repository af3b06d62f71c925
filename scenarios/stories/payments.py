"""A customer pays: in time, too early, the wrong amount, twice, or with a card that is declined."""

from scenarios.clients.gateway import PRICE
from scenarios.context import StoryContext
from scenarios.outcome import (
    CAPTURED,
    PAYMENT_FAILED,
    REFUNDED,
    REJECTED,
    REQUESTED,
    confirmed,
    failed,
)


async def trivial(context: StoryContext) -> str:
    """An intent and its payment become a booking.

    Goal: the plain way works. Method: book, pay at the provider, wait.
    """
    intent = context.intent()
    await context.gateway.book(intent)
    await context.provider.charge(intent)
    context.ends(intent, confirmed())
    return "booked, then paid"


async def payment_first(context: StoryContext) -> str:
    """The payment is known before the intent.

    Goal: the order of arrival does not matter. Method: pay at the provider for an intent that
    nobody knows, see the payment wait for it, then book.
    """
    intent = context.intent()
    await context.provider.charge(intent)
    await context.becomes(intent, "payment_received_first")
    await context.gateway.book(intent)
    context.ends(intent, confirmed())
    return "paid, then booked"


async def amount_mismatch(context: StoryContext) -> str:
    """A payment that does not fit the intent fails the booking and goes back.

    Goal: no customer is charged for nothing. Method: book, pay one unit too little.
    """
    intent = context.intent()
    await context.gateway.book(intent)
    await context.provider.charge(intent, amount=PRICE - 1)
    refused = failed("amount_mismatch")
    context.ends(intent, refused.plus(CAPTURED, REFUNDED, captured=PRICE - 1, refunded=PRICE - 1))
    return f"booked for {PRICE}, paid {PRICE - 1}"


async def second_payment(context: StoryContext) -> str:
    """A customer who pays twice gets the second payment back and keeps the booking.

    Goal: a payment of no use is refunded, not ignored. Method: book, pay, pay again.
    """
    intent = context.intent()
    await context.gateway.book(intent)
    await context.provider.charge(intent)
    await context.becomes(intent, "confirmed")
    await context.provider.charge(intent)
    context.ends(
        intent, confirmed().plus(CAPTURED, REJECTED, REFUNDED, captured=PRICE, refunded=PRICE)
    )
    return "booked, paid, and paid once more"


async def provider_declines(context: StoryContext) -> str:
    """A declined card does not end the booking: the customer may pay in another way.

    Goal: the booking waits until its deadline. Method: book with a card that the provider
    declines, see that reported, then pay at the provider.
    """
    intent = context.intent()
    await context.gateway.book(intent, payment_method="declined-card")
    await context.tells_of(intent, PAYMENT_FAILED)
    await context.provider.charge(intent)
    context.ends(intent, confirmed().plus(REQUESTED, PAYMENT_FAILED))
    return "booked with a card that was declined, then paid otherwise"
