"""However many events an intent has, its view keeps a bound, and what left it is still known."""

import asyncio

import orjson

from tests.eventually import eventually
from tests.service.booking_system import BookingSystem

PAYMENTS = 70
VIEW_MAX_BYTES = 96 * 1024


async def test_a_view_of_many_payments_shows_the_newest_and_counts_the_rest(
    shared_system: BookingSystem,
) -> None:
    """Method: 70 payments for a cancelled booking, each captured, rejected and refunded."""
    intent_id = await shared_system.booked()
    await shared_system.cancel(intent_id)
    assert (await shared_system.final(intent_id))["status"] == "cancelled"
    for start in range(0, PAYMENTS, 10):
        await asyncio.gather(*(shared_system.pay(intent_id) for _ in range(start, start + 10)))

    async def refunded() -> bool:
        rows = shared_system.client["payment"]["payments"].find({"intent_id": intent_id})
        states = [row["state"] async for row in rows]
        return states == ["refunded"] * PAYMENTS

    await eventually(refunded, limit_s=60)
    events = 3 + 3 * PAYMENTS

    async def shown() -> bool:
        view = (await shared_system.show(intent_id)).json()
        return bool(len(view["timeline"]) + view.get("olderEntries", 0) == events)

    await eventually(shown, limit_s=30)
    view = (await shared_system.show(intent_id)).json()
    assert (len(view["timeline"]), view["olderEntries"]) == (200, events - 200)
    assert (len(view["payments"]), view["olderPayments"]) == (50, PAYMENTS - 50)
    assert {payment["status"] for payment in view["payments"]} == {"refunded"}
    assert len(orjson.dumps(view)) < VIEW_MAX_BYTES
    again = await shared_system.cancel(intent_id)
    assert again.headers["Idempotent-Replayed"] == "true", "its entry is not shown any more"
    archive = shared_system.client["gateway"]["view_archive"]
    entries = await archive.count_documents({"_id": {"$regex": f"^{intent_id}/timeline/"}})
    assert entries == events - 200
