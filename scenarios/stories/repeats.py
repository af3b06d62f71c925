"""What arrives more than once, and what should never have arrived."""

from typing import Final

import orjson
from uuid_utils import uuid7

from scenarios.ending import confirmed
from scenarios.stage import Stage, require
from scenarios.waiting import eventually

SENDINGS: Final = 4
COPIES: Final = 3


async def duplicate_events(stage: Stage) -> str:
    """The intent, the webhook and every event arrive again and again.

    Goal: each has its effect once. Method: book twice with one Idempotency-Key, have the webhook
    sent four times, tap the wire and publish each event of the booking three times more; a second
    booking, which queues behind the copies, shows when they were all read.
    """
    intent, after = stage.intents(2)
    async with stage.broker.tap() as tap:
        first = await stage.gateway.book(intent, key=intent)
        again = await stage.gateway.book(intent, key=intent)
        require((first.replayed, again.replayed) == (False, True), "the intent was not recognised")
        await stage.provider.charge(intent, repeat=SENDINGS - 1)
        await stage.becomes(intent, "confirmed")
        stage.ends(intent, confirmed())
        heard = {str(message.message_id): message for message in await tap.heard({intent})}
    require(len(heard) == len(confirmed().events), f"{len(heard)} events were on the wire")
    for message in heard.values():
        for _ in range(COPIES):
            await stage.broker.publish_again(message)
    await stage.gateway.book(after)
    await stage.provider.charge(after)
    stage.ends(after, confirmed())
    return f"webhook sent {SENDINGS} times, each event published {1 + COPIES} times"


async def poison_message(stage: Stage) -> str:
    """Messages that nobody can read are set aside, and their neighbours go on.

    Goal: poison harms only itself. Method: publish what is not JSON, and an event whose data is
    wrong, right before a booking; see both in the dead queues of all who want them, with their
    reason. They are discarded when the story has been checked.
    """
    intent = stage.intent()
    garbage, invalid = str(uuid7()), str(uuid7())
    bodies = {garbage: b"{ not json", invalid: _event_without_data(invalid, intent)}
    for poison, body in bodies.items():
        stage.poison.add(poison)
        await stage.broker.publish(body, event_type="payment.captured", message_id=poison)
    await stage.gateway.book(intent)
    await stage.provider.charge(intent)
    stage.ends(intent, confirmed())
    reasons: set[str] = set()
    for queue in ("booking.events", "gateway.events"):
        stage.afterwards.push_async_callback(stage.broker.discard, queue, set(bodies))

        async def both_set_aside(queue: str = queue) -> set[str] | None:
            if await stage.broker.waiting(f"{queue}.dead") < len(bodies):
                return None
            letters = await stage.broker.dead_letters(queue)
            told = {one.event_id: one.reason for one in letters if one.event_id in bodies}
            return set(told.values()) if told.keys() == bodies.keys() else None

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
