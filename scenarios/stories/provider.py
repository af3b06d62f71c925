"""The provider misbehaves: it fails, does it and does not say so, or sends no webhook."""

from typing import Final

from scenarios.clients.gateway import PRICE
from scenarios.context import StoryContext
from scenarios.outcome import CAPTURED, REFUNDED, REJECTED, REQUESTED, Outcome, confirmed, failed
from scenarios.waiting import eventually

FAILURES: Final = 2


def _given_back() -> Outcome:
    wrong = PRICE + 1
    return failed("amount_mismatch").plus(CAPTURED, REFUNDED, captured=wrong, refunded=wrong)


async def refund_retry(context: StoryContext) -> str:
    """A refund that fails is tried again until it works, and money goes back once.

    Goal: a refund is never given up. Method: have the provider fail the first refunds of an
    intent, then pay the wrong amount for it.
    """
    intent = context.intent()
    await context.provider.break_refunds(intent, failTimes=FAILURES)
    await context.gateway.book(intent)
    payment = await context.provider.charge(intent, amount=PRICE + 1)
    context.ends(intent, _given_back())

    async def tried() -> int | None:
        attempts = await context.records.refund_attempts(payment)
        return attempts if attempts > FAILURES else None

    attempts = await eventually(tried, for_what="the refund to be tried again")
    return f"the provider failed {FAILURES} refunds; attempt {attempts} worked"


async def provider_timeout_after_success(context: StoryContext) -> str:
    """The provider takes and gives back money, but its answers are lost.

    Goal: it charges and refunds once, although it is asked again with the same key, or its webhook
    tells what the answer did not. Method: have it withhold the answer to one customer's capture and
    to another's refund, after it did them.
    """
    charged, refunded = context.intents(2)
    await context.provider.break_captures(charged, timeoutAfterSuccess=1)
    await context.provider.break_refunds(refunded, timeoutAfterSuccess=1)
    await context.gateway.book(charged, payment_method="card")
    await context.gateway.book(refunded)
    await context.provider.charge(refunded, amount=PRICE + 1)
    context.ends(charged, confirmed().plus(REQUESTED))
    context.ends(refunded, _given_back())

    async def asked_again() -> bool:
        return await context.records.capture_attempts(charged) > 1

    await eventually(asked_again, for_what="the provider to be asked again")
    return "a capture and a refund were done and not answered; both happened once"


async def lost_webhook(context: StoryContext) -> str:
    """The provider never reports a charge.

    Goal: reconciliation finds it: in time it confirms the booking, too late it is refunded.
    Method: book, pay, and have the webhook dropped.
    """
    intent = context.intent()
    await context.gateway.book(intent)
    await context.provider.charge(intent, drop=True)
    too_late = failed("payment_timeout").plus(
        CAPTURED, REJECTED, REFUNDED, captured=PRICE, refunded=PRICE
    )
    context.ends(intent, confirmed(), too_late)
    ended = await context.becomes(intent, "confirmed", "failed")
    return f"the webhook was dropped; reconciliation found the charge: {ended}"
