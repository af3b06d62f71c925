"""A customer pays: in time, too early, the wrong amount, twice, or with a card that is declined."""

from scenarios.ending import (
    CAPTURED,
    PAYMENT_FAILED,
    REFUNDED,
    REJECTED,
    REQUESTED,
    confirmed,
    failed,
)
from scenarios.gateway import PRICE
from scenarios.stage import Stage


async def trivial(stage: Stage) -> str:
    """An intent and its payment become a booking.

    Goal: the plain way works. Method: book, pay at the provider, wait.
    """
    intent = stage.intent()
    await stage.gateway.book(intent)
    await stage.provider.charge(intent)
    stage.ends(intent, confirmed())
    return "booked, then paid"


async def payment_first(stage: Stage) -> str:
    """The payment is known before the intent.

    Goal: the order of arrival does not matter. Method: pay at the provider for an intent that
    nobody knows, see the payment wait for it, then book.
    """
    intent = stage.intent()
    await stage.provider.charge(intent)
    await stage.becomes(intent, "payment_received_first")
    await stage.gateway.book(intent)
    stage.ends(intent, confirmed())
    return "paid, then booked"


async def amount_mismatch(stage: Stage) -> str:
    """A payment that does not fit the intent fails the booking and goes back.

    Goal: no customer is charged for nothing. Method: book, pay one unit too little.
    """
    intent = stage.intent()
    await stage.gateway.book(intent)
    await stage.provider.charge(intent, amount=PRICE - 1)
    refused = failed("amount_mismatch")
    stage.ends(intent, refused.plus(CAPTURED, REFUNDED, captured=PRICE - 1, refunded=PRICE - 1))
    return f"booked for {PRICE}, paid {PRICE - 1}"


async def second_payment(stage: Stage) -> str:
    """A customer who pays twice gets the second payment back and keeps the booking.

    Goal: a payment of no use is refunded, not ignored. Method: book, pay, pay again.
    """
    intent = stage.intent()
    await stage.gateway.book(intent)
    await stage.provider.charge(intent)
    await stage.becomes(intent, "confirmed")
    await stage.provider.charge(intent)
    stage.ends(
        intent, confirmed().plus(CAPTURED, REJECTED, REFUNDED, captured=PRICE, refunded=PRICE)
    )
    return "booked, paid, and paid once more"


async def provider_declines(stage: Stage) -> str:
    """A declined card does not end the booking: the customer may pay in another way.

    Goal: the booking waits until its deadline. Method: book with a card that the provider
    declines, see that told, then pay at the provider.
    """
    intent = stage.intent()
    await stage.gateway.book(intent, payment_method="declined-card")
    await stage.tells_of(intent, PAYMENT_FAILED)
    await stage.provider.charge(intent)
    stage.ends(intent, confirmed().plus(REQUESTED, PAYMENT_FAILED))
    return "booked with a card that was declined, then paid otherwise"
