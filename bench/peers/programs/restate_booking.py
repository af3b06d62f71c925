"""The booking saga as users of Restate write it: a workflow an intent, the payment a promise.

Served by hypercorn, as Restate's own examples are. Restate keeps the journal, the state and the
promise; the ingress of its server takes the requests.
"""

import sys
from datetime import timedelta

import hypercorn
import hypercorn.asyncio
import restate
import uvloop
from pydantic import BaseModel

PAYMENT_LIMIT = timedelta(minutes=10)


class Intent(BaseModel):
    intentId: str
    userId: str
    amount: int
    currency: str


class Payment(Intent):
    paymentId: str


booking = restate.Workflow("Booking")


@booking.main()
async def run(ctx: restate.WorkflowContext, intent: Intent) -> str:
    paid = ctx.promise("paid", type_hint=Payment)
    match await restate.select(payment=paid.value(), late=ctx.sleep(PAYMENT_LIMIT)):
        case ["payment", payment] if is_right(intent, payment):
            status = "confirmed"
        case _:
            status = "failed"
    ctx.set("status", status)
    return status


@booking.handler()
async def paid(ctx: restate.WorkflowSharedContext, payment: Payment) -> None:
    await ctx.promise("paid", type_hint=Payment).resolve(payment)


def is_right(intent: Intent, payment: Payment) -> bool:
    """Whether this payment is the intent's price, from its customer."""
    return (intent.amount, intent.currency, intent.userId) == (
        payment.amount,
        payment.currency,
        payment.userId,
    )


if __name__ == "__main__":
    config = hypercorn.Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    uvloop.run(hypercorn.asyncio.serve(restate.app([booking]), config))
