"""The sweeper finds what is due without reading what is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

from postbox.mongo import Client, DatabaseClock, ensure_collections, own_database
from postbox.outbox import Outbox
from services.booking.deadlines import Sweeper
from services.booking.rules.state import Booking, BookingState
from services.booking.work import Timeouts

HOUR = timedelta(hours=1)


def pending(intent_id: str, deadline_at: datetime | None) -> dict[str, Any]:
    booking = Booking(intent_id=intent_id, state=BookingState.PENDING, deadline_at=deadline_at)
    return {**booking.to_document(), "v": 0}


async def test_a_sweep_reads_the_index_alone_and_only_what_is_due(client: Client) -> None:
    database = own_database(client)
    await ensure_collections(database, "bookings", "refused_payments", "slots")
    clock = DatabaseClock(client)
    outbox = Outbox(database, source="/services/booking", clock=clock)
    await outbox.prepare()
    await Sweeper.prepare(database)
    now = datetime.now(UTC)
    await database["bookings"].insert_many(
        [
            *(pending(f"due-{number}", now - HOUR) for number in range(3)),
            *(pending(f"later-{number}", now + HOUR) for number in range(300)),
            *(pending(f"settled-{number}", None) for number in range(300)),
        ]
    )
    sweeper = Sweeper(database, outbox, clock, Timeouts(payment_ms=1, intent_ms=1))
    await database.command("profile", 2)
    assert await sweeper.sweep() == 3
    await database.command("profile", 0)
    assert await sweeper.sweep() == 0

    due = {"command.find": "bookings", "command.filter.deadline_at": {"$exists": True}}
    (query,) = await database["system.profile"].find(due).to_list()
    assert query["planSummary"] == "IXSCAN { deadline_at: 1 }"
    assert query["docsExamined"] == 3
    assert query["keysExamined"] <= 4
    failed = [row["subject"] async for row in database["outbox"].find({"type": "booking.failed"})]
    assert sorted(failed) == ["due-0", "due-1", "due-2"]
