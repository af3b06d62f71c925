"""Money that moves at the provider without us, on the running services."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tests.eventually import eventually
from tests.service.booking_system import PRICE, BookingSystem, fresh, slot

FAILED_AGAIN_LIMIT_S = 30.0
PART = 300


async def confirmed(system: BookingSystem, **fields: Any) -> tuple[str, str]:
    """A confirmed booking, and its payment."""
    intent_id = await system.booked(**fields)
    payment_id = await system.pay(intent_id)
    assert (await system.final(intent_id))["status"] == "confirmed"
    return intent_id, payment_id


async def refund(system: BookingSystem, payment_id: str, amount: int, **webhook: Any) -> str:
    """As support staff do it, in the provider's dashboard."""
    body = {"paymentId": payment_id, "amount": amount, "currency": "USD", "webhook": webhook}
    answer = await system.http.post(
        f"{system.provider}/refunds", json=body, headers={"Idempotency-Key": fresh("dashboard")}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["refundId"])


async def dispute(system: BookingSystem, payment_id: str, amount: int = PRICE) -> str:
    body = {"paymentId": payment_id, "amount": amount}
    answer = await system.http.post(f"{system.provider}/disputes", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["disputeId"])


async def close(system: BookingSystem, dispute_id: str, outcome: str) -> None:
    url = f"{system.provider}/disputes/{dispute_id}"
    assert (await system.http.post(url, json={"outcome": outcome})).status_code == 200


async def shows(
    system: BookingSystem, intent_id: str, booking: str, *, limit_s: float = 20.0, **payment: Any
) -> dict[str, Any]:
    """The view, once the booking has this status and its one payment these fields."""

    async def look() -> dict[str, Any]:
        view: dict[str, Any] = (await system.show(intent_id)).json()
        assert view["status"] == booking, view
        (shown,) = view["payments"]
        assert payment.items() <= shown.items(), view
        return view

    return await eventually(look, limit_s=limit_s)


@pytest.mark.parametrize("webhook", [{}, {"repeat": 2}, {"drop": True}, {"delayMs": 1_500}])
async def test_a_confirmed_booking_that_is_refunded_elsewhere_is_cancelled(
    system: BookingSystem, webhook: dict[str, Any]
) -> None:
    """Goal: no free booking, one refund, and a later cancellation changes nothing. Method: refund
    all of it at the provider, whose webhook comes, comes twice more, never, or late."""
    wanted = slot(fresh("room"))
    intent_id, payment_id = await confirmed(system, slot=wanted)
    await refund(system, payment_id, PRICE, **webhook)
    view = await shows(system, intent_id, "cancelled", status="refunded", refunded=PRICE)
    assert view["reason"] == "refunded_elsewhere"
    await system.cancel(intent_id)
    again = await system.booked(slot=wanted)
    await system.pay(again)
    assert (await system.final(again))["status"] == "confirmed", "the slot is free"
    _, refunds = await system.ledger(intent_id)
    assert [one["amount"] for one in refunds] == [PRICE]
    assert (await system.events("payment", intent_id)).count("payment.refunded") == 1
    row = await system.client["payment"]["payments"].find_one({"_id": payment_id})
    assert row is not None
    assert (row["state"], row["attempts"]) == ("refunded", 0)


async def test_a_part_that_went_back_leaves_the_booking_and_the_rest(
    system: BookingSystem,
) -> None:
    before = await system.counted("payment", "payment_alarms_total", kind="partially_refunded")
    intent_id, payment_id = await confirmed(system)
    await refund(system, payment_id, PART)
    await shows(system, intent_id, "confirmed", status="partially_refunded", refunded=PART)
    after = await system.counted("payment", "payment_alarms_total", kind="partially_refunded")
    assert after == before + 1

    await system.cancel(intent_id)
    await shows(system, intent_id, "cancelled", status="refunded", refunded=PRICE)
    _, refunds = await system.ledger(intent_id)
    ours = {one["idempotencyKey"]: one["amount"] for one in refunds}
    assert ours[f"refund:{payment_id}"] == PRICE - PART


async def test_a_refund_that_the_provider_refuses_is_made_of_what_is_left(
    system: BookingSystem,
) -> None:
    """Goal: the customer gets the price back, once. Method: a part goes back of which nobody tells
    us, and the booking is cancelled before reconciliation finds it."""
    intent_id, payment_id = await confirmed(system)
    await refund(system, payment_id, PART, drop=True)
    await system.cancel(intent_id)
    await shows(system, intent_id, "cancelled", status="refunded", refunded=PRICE)
    _, refunds = await system.ledger(intent_id)
    assert sorted(one["amount"] for one in refunds) == [PART, PRICE - PART]


async def test_a_refund_that_fails_later_is_made_again(system: BookingSystem) -> None:
    """Goal: `refunded` is not the end. Method: the provider accepts our refund, and says later that
    it did not reach the customer."""
    failed = await system.counted("payment", "payment_alarms_total", kind="refund_failed")
    intent_id, payment_id = await confirmed(system)
    await system.fault(refunds={"pending": 1, "failAfterMs": 300, "paymentId": payment_id})
    await system.cancel(intent_id)
    await shows(system, intent_id, "cancelled", status="refunded", limit_s=FAILED_AGAIN_LIMIT_S)
    _, refunds = await system.ledger(intent_id)
    assert [(one["idempotencyKey"], one["status"]) for one in refunds] == [
        (f"refund:{payment_id}", "failed"),
        (f"refund:{payment_id}:1", "succeeded"),
    ]
    emitted = await system.events("payment", intent_id)
    assert [one for one in emitted if one.startswith("payment.refund")] == [
        "payment.refund.pending",
        "payment.refund.failed",
        "payment.refunded",
    ]
    assert await system.counted("payment", "payment_alarms_total", kind="refund_failed") > failed


async def test_a_refund_is_pending_until_the_provider_says_that_it_arrived(
    system: BookingSystem,
) -> None:
    intent_id, payment_id = await confirmed(system)
    await system.fault(refunds={"pending": 1, "paymentId": payment_id})
    await system.cancel(intent_id)

    async def accepted() -> str:
        _, refunds = await system.ledger(intent_id)
        return str(refunds[0]["refundId"]) if refunds else ""

    refund_id = await eventually(accepted)
    await shows(system, intent_id, "cancelled", status="refund_pending", refunded=PRICE)
    body = {"status": "succeeded", "webhook": {"drop": True}}  # only the list tells
    await system.http.post(f"{system.provider}/refunds/{refund_id}", json=body)
    await shows(system, intent_id, "cancelled", status="refunded", refunded=PRICE)
    _, refunds = await system.ledger(intent_id)
    assert len(refunds) == 1


async def test_an_open_dispute_is_waited_for_and_won(system: BookingSystem) -> None:
    """Goal: nothing is refunded of what the bank may still take. Method: cancel while a dispute is
    open, then win it."""
    intent_id, payment_id = await confirmed(system)
    dispute_id = await dispute(system, payment_id)
    await shows(system, intent_id, "confirmed", status="disputed", disputed=PRICE)
    await system.cancel(intent_id)
    await shows(system, intent_id, "cancelled", status="refund_pending", disputed=PRICE)
    assert (await system.ledger(intent_id))[1] == []
    await close(system, dispute_id, "won")
    await shows(system, intent_id, "cancelled", status="refunded", refunded=PRICE, disputed=0)


async def test_a_lost_dispute_cancels_the_booking_and_nothing_is_refunded(
    system: BookingSystem,
) -> None:
    intent_id, payment_id = await confirmed(system)
    await close(system, await dispute(system, payment_id), "lost")
    view = await shows(system, intent_id, "cancelled", status="charged_back", chargedBack=PRICE)
    assert view["reason"] == "charged_back"
    assert (await system.ledger(intent_id))[1] == []


async def test_a_report_that_is_not_known_is_kept_and_accepted(system: BookingSystem) -> None:
    before = await system.written()
    for body in (
        {"type": "payout.paid", "payoutId": "po_1"},
        {"type": "refund.succeeded", "refundId": "r1"},
        {"type": "dispute.opened", "disputeId": "d1", "status": "none"},
    ):
        assert (await system.webhook(body)).status_code == 202
    after = await system.written()
    assert after["payment.unreadable_charges"] == before["payment.unreadable_charges"] + 3
    assert after["payment.payments"] == before["payment.payments"]


async def reconcile(system: BookingSystem, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code of `python -m services.payment reconcile --json`, and what it prints."""
    uri = system.stack.info.mongo.uri.replace("/?", "/payment?")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.payment", "reconcile", "--json", *arguments),
        env={**os.environ, "MONGO_URI": uri, "PROVIDER_URL": system.provider},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert process.returncode in (0, 1), complaints.decode()
    return process.returncode, orjson.loads(printed)


async def test_reconcile_says_what_differs_both_ways_and_repairs_it(system: BookingSystem) -> None:
    """Goal: nothing that moved stays unknown. Method: while the payment service is down, a charge,
    a refund and a dispute are made of which no webhook tells; and a payment is here that the
    provider does not know."""
    since = datetime.now(UTC).isoformat()
    intent_id, payment_id = await confirmed(system)
    strange = system.charge(fresh("strange"))
    assert (await system.webhook(strange)).status_code == 202
    await system.stack.hold("payment")
    lost = await system.pay(await system.booked(), webhook={"drop": True})
    refund_id = await refund(system, payment_id, PART, drop=True)
    body = {"paymentId": payment_id, "amount": 1, "webhook": {"drop": True}}
    disputed = await system.http.post(f"{system.provider}/disputes", json=body)
    dispute_id = disputed.json()["disputeId"]

    code, said = await reconcile(system, "--since", since)
    assert code == 1
    there = {one["id"]: (one["there"], one["here"]) for one in said["differences"]}
    assert there == {
        lost: (f"{PRICE} USD", "unknown"),
        refund_id: (f"{PART}, succeeded", "unknown"),
        dispute_id: ("1, open", "unknown"),
        strange["paymentId"]: ("unknown", f"{PRICE} USD"),
    }
    _, repaired = await reconcile(system, "--since", since, "--repair")
    taken_in = {one["id"] for one in repaired["differences"] if one["repaired"]}
    assert taken_in == {lost, refund_id, dispute_id}
    code, after = await reconcile(system, "--since", since)
    assert (code, [one["id"] for one in after["differences"]]) == (1, [strange["paymentId"]])
    await system.stack.release("payment")
    await shows(system, intent_id, "confirmed", status="disputed", refunded=PART, disputed=1)
