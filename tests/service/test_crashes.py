"""A service that is killed anywhere has done its work once or not at all, and a retry finds out."""

import httpx
import pytest

from tests.eventually import eventually
from tests.postbox.failpoints import failing, short_lived_transactions
from tests.service.booking_system import BookingSystem, fresh

REPLAYED = "idempotent-replayed"
RETRY_LIMIT_S = 20.0


async def retried(system: BookingSystem, key: str) -> httpx.Response:
    """What a client that never gives up is answered in the end."""

    async def accepted() -> httpx.Response | None:
        try:
            answer = await system.book(key)
        except httpx.TransportError:
            return None
        assert answer.status_code == 202, answer.text
        return answer

    answer = await eventually(accepted, limit_s=RETRY_LIMIT_S, every_s=0.1)
    assert answer is not None
    return answer


async def is_one_booking(system: BookingSystem, key: str, intent_id: str) -> None:
    gateway = system.client["gateway"]
    assert await gateway["intents"].count_documents({"_id": intent_id}) == 1
    row = await gateway["idempotency"].find_one({"_id": key})
    assert row is not None
    assert row["intent_id"] == intent_id
    assert await system.events("gateway", intent_id) == ["booking.intent.created"]
    await system.pay(intent_id)
    assert (await system.final(intent_id))["status"] == "confirmed"


@pytest.mark.fault(1, "kill after the writes, before the commit")
async def test_a_gateway_killed_before_its_commit_has_done_nothing(system: BookingSystem) -> None:
    """Goal: nothing is visible; the same Idempotency-Key gives one booking. Method: crash point."""
    key = fresh("key")
    async with short_lived_transactions(system.stack.info.mongo.uri):
        await system.stack.restart("gateway", {"CRASH_AT": "gateway.written:1"})
        before = await system.written()
        with pytest.raises(httpx.TransportError):
            await system.book(key)
        assert await system.written() == before
        answer = await retried(system, key)
    assert REPLAYED not in answer.headers
    await is_one_booking(system, key, answer.json()["intentId"])


@pytest.mark.fault(2, "kill after the commit, before the HTTP reply")
async def test_a_gateway_killed_after_its_commit_gives_the_same_booking(
    system: BookingSystem,
) -> None:
    """Goal: the retry returns the booking that the first request made. Method: crash point."""
    key = fresh("key")
    await system.stack.restart("gateway", {"CRASH_AT": "gateway.committed:1"})
    with pytest.raises(httpx.TransportError):
        await system.book(key)
    row = await system.client["gateway"]["idempotency"].find_one({"_id": key})
    assert row is not None
    answer = await retried(system, key)
    assert answer.headers[REPLAYED] == "true"
    assert answer.json()["intentId"] == row["intent_id"]
    await is_one_booking(system, key, row["intent_id"])


UNSURE = {
    "the reply is lost": {"closeConnection": True},
    "applied, then an error": {
        "writeConcernError": {"code": 64, "errmsg": "late", "errInfo": {"wtimeout": True}}
    },
    "transient": {"errorCode": 251, "errorLabels": ["TransientTransactionError"]},
}


@pytest.mark.fault(3, "the commit's reply is lost, or it is applied and then an error")
@pytest.mark.fault(4, "transient transaction errors")
@pytest.mark.parametrize("how", UNSURE.values(), ids=UNSURE.keys())
@pytest.mark.parametrize("service", ["gateway", "booking", "payment"])
async def test_commits_that_are_not_answered_well_are_made_once(
    system: BookingSystem, service: str, how: dict[str, object]
) -> None:
    """Goal: one intent, one confirmation, one charge; the customer sees nothing of it.

    Method: each of a service's next two commits fails, is lost, or is applied and then denied.
    """
    uri = system.stack.info.mongo.uri
    async with failing(uri, "commitTransaction", times=2, application=service, **how):
        intent_id = await system.booked()
        payment_id = await system.pay(intent_id)
        view = await system.final(intent_id)
    assert view["status"] == "confirmed"
    assert [payment["paymentId"] for payment in view["payments"]] == [payment_id]
    assert await system.events("gateway", intent_id) == ["booking.intent.created"]
    assert await system.events("booking", intent_id) == ["booking.confirmed"]
    assert await system.events("payment", intent_id) == ["payment.captured"]
