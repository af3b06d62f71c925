"""The provider may fail in any way: what is asked of it happens exactly once in effect."""

import httpx
import pytest

from tests.eventually import eventually
from tests.service.booking_system import PRICE, BookingSystem, fresh

CLAIM_LIMIT_S = 25.0  # a worker that died holds its claim for ten seconds


async def nothing_is_asked_any_more(system: BookingSystem, intent_id: str) -> None:
    """A webhook may settle all before the capture that it came of is answered."""
    captures = system.client["payment"]["captures"]

    async def look() -> bool:
        return not await captures.find_one({"intent_id": intent_id, "state": "requested"})

    await eventually(look, limit_s=CLAIM_LIMIT_S)


async def captured_once(system: BookingSystem, intent_id: str) -> None:
    await nothing_is_asked_any_more(system, intent_id)
    view = await system.final(intent_id, limit_s=CLAIM_LIMIT_S)
    charges, refunds = await system.ledger(intent_id)
    assert (view["status"], len(charges), refunds) == ("confirmed", 1, [])


async def refunded_once(system: BookingSystem, intent_id: str) -> None:
    view = await system.final(intent_id, limit_s=CLAIM_LIMIT_S)
    charges, refunds = await system.ledger(intent_id)
    assert (view["status"], view["reason"]) == ("failed", "amount_mismatch")
    assert len(charges) == 1
    assert [refund["amount"] for refund in refunds] == [charges[0]["amount"]]
    assert (await system.events("payment", intent_id)).count("payment.refunded") == 1


@pytest.mark.fault(18, "the provider times out after success")
async def test_a_provider_that_does_not_answer_has_done_it_once(system: BookingSystem) -> None:
    """Goal: charged once, refunded once. Method: it does the work, and withholds the answer."""
    paid, owed = fresh("paid"), fresh("owed")
    await system.fault(captures={"timeoutAfterSuccess": 1, "intentId": paid})
    await system.fault(refunds={"timeoutAfterSuccess": 1, "intentId": owed})
    await system.booked(intentId=paid, paymentMethod="card")
    await system.booked(intentId=owed)
    await system.pay(owed, amount=PRICE - 1)
    await captured_once(system, paid)
    await refunded_once(system, owed)


@pytest.mark.fault(18, "the provider answers 500")
async def test_a_provider_that_fails_is_asked_again(system: BookingSystem) -> None:
    """Goal: charged once, refunded once. Method: the first three calls are answered 500."""
    paid, owed = fresh("paid"), fresh("owed")
    await system.fault(captures={"failTimes": 2, "intentId": paid})
    await system.fault(refunds={"failTimes": 3, "intentId": owed})
    await system.booked(intentId=paid, paymentMethod="card")
    await system.booked(intentId=owed)
    await system.pay(owed, amount=PRICE - 1)
    await captured_once(system, paid)
    await refunded_once(system, owed)
    row = await system.client["payment"]["payments"].find_one({"intent_id": owed})
    assert row is not None
    assert row["attempts"] == 4


async def test_a_declined_capture_is_reported_and_leaves_no_charge(system: BookingSystem) -> None:
    intent_id = await system.booked(paymentMethod="declined")

    async def reported() -> dict[str, str]:
        timeline = (await system.show(intent_id)).json()["timeline"]
        return next((entry for entry in timeline if entry["type"] == "payment.failed"), {})

    assert (await eventually(reported))["reason"] == "declined"
    assert await system.ledger(intent_id) == ([], [])


@pytest.mark.fault(18, "killed while it asks the provider")
async def test_a_payment_service_killed_while_it_asks_has_asked_once_in_effect(
    system: BookingSystem,
) -> None:
    """Goal: charged once, refunded once, though nobody remembers whether the provider was asked.

    Method: a capture and a refund under way at once; crash points after the second attempt is on
    record, then after the second of the provider's answers.
    """
    paid, owed = [fresh("paid"), fresh("paid")], [fresh("owed"), fresh("owed")]
    for number, point in enumerate(("payment.attempted", "payment.answered")):
        await system.stack.restart("payment", {"CRASH_AT": f"{point}:2"})
        doomed = system.stack.info.payment.pid
        await system.booked(intentId=paid[number], paymentMethod="card")
        await system.booked(intentId=owed[number])
        await system.pay(owed[number], amount=PRICE - 1)

        async def died(doomed: int | None = doomed) -> bool:
            return system.stack.info.payment.pid not in (None, doomed)

        await eventually(died)
    for intent_id in owed:
        await refunded_once(system, intent_id)
    for intent_id in paid:  # the claim of a worker that died may outlast the booking's deadline
        await nothing_is_asked_any_more(system, intent_id)

        async def ends_right(intent_id: str = intent_id) -> bool:
            """A booking that timed out is final before its late payment is heard of."""
            view = await system.final(intent_id, limit_s=CLAIM_LIMIT_S)
            charges, refunds = await system.ledger(intent_id)
            assert (len(charges), len(view["payments"])) == (1, 1), view
            assert len(refunds) == (0 if view["status"] == "confirmed" else 1), view
            return True

        await eventually(ends_right, limit_s=CLAIM_LIMIT_S)


@pytest.mark.fault(26, "a webhook that never comes")
async def test_a_charge_that_no_web_hook_tells_of_is_found(system: BookingSystem) -> None:
    """Goal: confirmed, or refunded. Method: the provider drops the webhooks of two charges."""
    paid, owed = await system.booked(), await system.booked()
    await system.pay(paid, webhook={"drop": True})
    await system.pay(owed, webhook={"drop": True}, amount=PRICE + 1)
    await captured_once(system, paid)
    await refunded_once(system, owed)


async def test_a_web_hook_that_finds_the_service_down_comes_again(system: BookingSystem) -> None:
    intent_id = await system.booked()
    await system.stack.hold("payment")
    await system.pay(intent_id)
    with pytest.raises(httpx.TransportError):
        await system.webhook(system.charge(intent_id))
    await system.stack.release("payment")
    await captured_once(system, intent_id)
