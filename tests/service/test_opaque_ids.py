"""Ids of identity providers and of other systems go through all services as they were sent."""

import asyncio

from tests.service.booking_system import BookingSystem, fresh, slot

USER = "auth0|René O'Brien"


async def test_a_booking_of_a_user_whose_id_is_not_plain(shared_system: BookingSystem) -> None:
    resource = f"Salle n° 1/é|{fresh('room')}"
    intent_id = await shared_system.booked(
        userId=USER, slot=slot(resource), paymentMethod="pm_card|visa é", intentId=fresh("odd")
    )
    view = await shared_system.final(intent_id)
    assert (view["status"], view["slot"]["resourceId"]) == ("confirmed", resource)
    charges, _ = await shared_system.ledger(intent_id)
    assert [charge["userId"] for charge in charges] == [USER]


async def test_resources_are_compared_exactly(shared_system: BookingSystem) -> None:
    room = fresh("room")
    resources = [f"{room}/é", f"{room}%2Fé", f"{room}/e\u0301", f"{room}/É"]

    async def confirmed(resource: str) -> str:
        intent_id = await shared_system.booked(slot=slot(resource), paymentMethod="card")
        return str((await shared_system.final(intent_id))["status"])

    assert await asyncio.gather(*map(confirmed, resources)) == ["confirmed"] * len(resources)
    assert await confirmed(resources[0]) == "failed"
