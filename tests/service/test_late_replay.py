"""A reply that was given is given again, even when the same intent would be refused by now."""

from datetime import UTC, datetime, timedelta

from opentelemetry.context import Context

from postbox.mongo import Client, DatabaseClock, own_database
from postbox.outbox import Outbox
from postbox.service import Problem, Submission
from services.gateway.access.caller import ANYBODY
from services.gateway.intake import KEY_RETENTION, Accepted, Intake
from services.gateway.requests import Command, CreateIntent, IntentBody, parse

SLOT_STARTS_AT = datetime(2099, 1, 1, 10, tzinfo=UTC)


class ClockAt(DatabaseClock):
    """The database's clock, moved."""

    def __init__(self, client: Client, now: datetime) -> None:
        super().__init__(client)
        self.moment = now

    def now(self) -> datetime:
        return self.moment


def intent(key: str) -> Submission[Command]:
    slot = {
        "resourceId": "room-1",
        "startsAt": SLOT_STARTS_AT.isoformat(),
        "endsAt": (SLOT_STARTS_AT + timedelta(hours=1)).isoformat(),
    }
    body = parse(IntentBody, {"userId": "ada", "amount": 4200, "slot": slot})
    return Submission(CreateIntent.of(body, ANYBODY, key), Context())


async def test_a_retry_after_the_slot_began_gets_the_saved_reply(client: Client) -> None:
    database = own_database(client)
    clock = ClockAt(client, SLOT_STARTS_AT - timedelta(minutes=1))
    outbox = Outbox(database, source="/services/gateway", clock=clock)
    await outbox.prepare()
    await Intake.prepare(database)
    intake = Intake(database, outbox, clock)
    (first,) = await intake.commit([intent("key-1")])
    assert isinstance(first, Accepted)

    clock.moment = SLOT_STARTS_AT + timedelta(minutes=1)
    again, other = await intake.commit([intent("key-1"), intent("key-2")])
    assert again == Accepted(first.intent_id, replayed=True)
    assert isinstance(other, Problem)
    assert other.body["field"] == "slot.startsAt"


async def test_keys_are_kept_for_a_day_at_least(client: Client) -> None:
    database = own_database(client)
    await Intake.prepare(database)
    indexes = await database["idempotency"].index_information()
    assert indexes["at_1"]["expireAfterSeconds"] == KEY_RETENTION.total_seconds()
    assert timedelta(days=1) <= KEY_RETENTION
