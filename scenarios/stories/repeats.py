"""What arrives more than once, and what should never have arrived."""

from typing import Final

import orjson
from uuid_utils import uuid7

from scenarios.context import StoryContext, require
from scenarios.outcome import confirmed
from scenarios.waiting import eventually

SENDINGS: Final = 4
COPIES: Final = 3


async def duplicate_events(context: StoryContext) -> str:
    """The intent, the webhook and every event arrive again and again.

    Goal: each has its effect once. Method: book twice with one Idempotency-Key, have the webhook
    sent four times, tap the wire and publish each event of the booking three times more; a second
    booking, which queues behind the copies, shows when they were all read.
    """
    intent, after = context.intents(2)
    async with context.broker.tap() as tap:
        first = await context.gateway.book(intent, key=intent)
        again = await context.gateway.book(intent, key=intent)
        require((first.replayed, again.replayed) == (False, True), "the intent was not recognised")
        await context.provider.charge(intent, repeat=SENDINGS - 1)
        await context.becomes(intent, "confirmed")
        context.ends(intent, confirmed())
        heard = {str(message.message_id): message for message in await tap.heard({intent})}
    require(len(heard) == len(confirmed().events), f"{len(heard)} events were on the wire")
    for message in heard.values():
        for _ in range(COPIES):
            await context.broker.publish_again(message)
    await context.gateway.book(after)
    await context.provider.charge(after)
    context.ends(after, confirmed())
    return f"webhook sent {SENDINGS} times, each event published {1 + COPIES} times"


async def poison_message(context: StoryContext) -> str:
    """Messages that nobody can read are set aside, and their neighbours go on.

    Goal: poison harms only itself. Method: publish what is not JSON, and an event whose data is
    wrong, right before a booking; see both in the dead queues of all who want them, with their
    reason. They are discarded when the story has been checked.
    """
    intent = context.intent()
    garbage, invalid = str(uuid7()), str(uuid7())
    bodies = {garbage: b"{ not json", invalid: _event_without_data(invalid, intent)}
    for poison, body in bodies.items():
        context.poison.add(poison)
        await context.broker.publish(body, event_type="payment.captured", message_id=poison)
    await context.gateway.book(intent)
    await context.provider.charge(intent)
    context.ends(intent, confirmed())
    reasons: set[str] = set()
    for queue in ("booking.events", "gateway.events"):
        context.afterwards.push_async_callback(context.broker.discard, queue, set(bodies))

        async def both_set_aside(queue: str = queue) -> set[str] | None:
            if await context.broker.waiting(f"{queue}.dead") < len(bodies):
                return None
            letters = await context.broker.dead_letters(queue)
            reasons = {one.event_id: one.reason for one in letters if one.event_id in bodies}
            return set(reasons.values()) if reasons.keys() == bodies.keys() else None

        reasons |= await eventually(both_set_aside, for_what=f"both in {queue}.dead")
    return f"2 unreadable messages before a booking, set aside as {', '.join(sorted(reasons))}"


def _event_without_data(event_id: str, intent_id: str) -> bytes:
    """A CloudEvent as it should be, but for what it says."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "type": "payment.captured",
            "source": "/services/payment",
            "subject": intent_id,
            "time": "2026-01-01T00:00:00Z",
            "datacontenttype": "application/json",
            "data": {"intentId": intent_id, "amount": "a lot"},
        }
    )
