"""A payment once refused stays refused, however many there are, and the booking does not grow."""

from datetime import UTC, datetime

from contracts.events import PaymentCaptured
from postbox.mongo import Client, Database, Session, ensure_collections, own_database, transaction
from services.booking.rules.state import Booking, BookingState
from services.booking.work import Timeouts, Work

TIMEOUTS = Timeouts(payment_ms=1, intent_ms=1)


def captured(payment_id: str, intent_id: str = "i1") -> PaymentCaptured:
    return PaymentCaptured(
        payment_id=payment_id, intent_id=intent_id, user_id="ada", amount=100, currency="USD"
    )


async def decide(database: Database, *payment_ids: str) -> list[str]:
    """The decisions on these payments, as one batch."""

    async def body(session: Session) -> list[str]:
        inputs = [captured(payment_id) for payment_id in payment_ids]
        work = await Work.read(session, database, inputs, TIMEOUTS, datetime.now(UTC))
        outcomes = [work.decide(one).outcome for one in inputs]
        await work.write(session)
        return outcomes

    return await transaction(database.client, body)


async def cancelled(client: Client, **fields: object) -> Database:
    database = own_database(client)
    await ensure_collections(database, "bookings", "refused_payments", "slots")
    booking = Booking(intent_id="i1", state=BookingState.CANCELLED)
    await database["bookings"].insert_one({**booking.to_document(), "v": 0, **fields})
    return database


async def test_a_payment_refused_long_ago_is_never_taken_as_new(client: Client) -> None:
    """Method: 300 payments, with repeats in the batch and after it; the booking keeps its size."""
    database = await cancelled(client)
    assert await decide(database, "p0", "p0") == ["reject_payment", "duplicate"]
    before = await database["bookings"].find_one({"_id": "i1"})
    payment_ids = [f"p{number}" for number in range(1, 300)]
    for start in range(0, 299, 100):
        await decide(database, *payment_ids[start : start + 100])
    assert await decide(database, "p0", "p1", "p299") == ["duplicate"] * 3
    after = await database["bookings"].find_one({"_id": "i1"})
    assert before is not None
    assert after is not None
    assert {**before, "v": after["v"]} == after
    assert await database["refused_payments"].count_documents({"intent_id": "i1"}) == 300


async def test_a_booking_of_version_0_1_0_keeps_its_list(client: Client) -> None:
    database = await cancelled(client, refused=["p1"])
    assert await decide(database, "p1", "p2", "p2") == ["duplicate", "reject_payment", "duplicate"]
    assert await decide(database, "p1", "p2") == ["duplicate", "duplicate"]
    stored = await database["bookings"].find_one({"_id": "i1"})
    assert stored is not None
    assert stored["refused"] == ["p1"]
