"""The Stripe path, end to end: the real relay and broker, Stripe's SDK, and its signed webhooks."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.eventually import eventually
from tests.service.booking_system import PRICE, BookingSystem, fresh, slot
from tests.service.stripe_system import (
    OLD_SECRET,
    SECRET,
    StripeSystem,
    event,
    stripe_system,
)
from tests.service.test_money_elsewhere import close, dispute, refund, shows

CARD = "pm_card_visa"


@pytest.fixture(scope="module")
async def system(
    shared_system: BookingSystem, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StripeSystem]:
    async with stripe_system(shared_system, tmp_path_factory.mktemp("stripe")) as system:
        yield system


async def paid(system: StripeSystem, **fields: Any) -> tuple[str, str]:
    """A booking that was confirmed by a card, and its payment."""
    intent_id = await system.booked(paymentMethod=CARD, slot=slot(fresh("room")), **fields)
    view = await system.final(intent_id)
    assert view["status"] == "confirmed", view
    (payment,) = view["payments"]
    return intent_id, payment["paymentId"]


async def test_it_books_and_pays_once(system: StripeSystem) -> None:
    intent_id, payment_id = await paid(system)
    assert payment_id.startswith("pi_")
    charges, refunds = await system.ledger(intent_id)
    assert ([one["paymentId"] for one in charges], refunds) == ([payment_id], [])
    assert charges[0]["metadata"]["traceparent"]
    assert (await system.events("payment", intent_id)).count("payment.captured") == 1


async def test_a_declined_card_is_reported_and_leaves_no_charge(system: StripeSystem) -> None:
    """The booking waits for another payment until its deadline."""
    intent_id = await system.booked(paymentMethod="pm_card_visa_chargeDeclined")

    async def reported() -> dict[str, str]:
        timeline = (await system.show(intent_id)).json()["timeline"]
        return next((entry for entry in timeline if entry["type"] == "payment.failed"), {})

    assert (await eventually(reported))["reason"] == "declined"
    view = (await system.show(intent_id)).json()
    assert (view["status"], view["payments"]) == ("pending", [])
    assert (await system.events("payment", intent_id)).count("payment.failed") == 1
    assert await system.ledger(intent_id) == ([], [])


async def test_a_cancelled_booking_is_refunded_once(system: StripeSystem) -> None:
    """Also where the answers of Stripe are lost: the capture's, and the refund's."""
    wanted = fresh("intent")
    await system.fault(
        captures={"intentId": wanted, "failTimes": 1, "busyTimes": 1, "lockedTimes": 1},
        refunds={"intentId": wanted, "timeoutAfterSuccess": 1},
    )
    intent_id, payment_id = await paid(system, intentId=wanted)
    assert (await system.cancel(intent_id)).status_code == 202
    view = await shows(system, intent_id, "cancelled", status="refunded", refunded=PRICE)
    assert view["payments"][0]["paymentId"] == payment_id
    charges, refunds = await system.ledger(intent_id)
    assert len(charges) == 1
    assert [(one["amount"], one["idempotencyKey"]) for one in refunds] == [
        (PRICE, f"refund:{payment_id}")
    ]


@pytest.mark.parametrize("webhook", [{}, {"drop": True}])
async def test_a_refund_in_the_dashboard_cancels_the_booking(
    system: StripeSystem, webhook: dict[str, Any]
) -> None:
    """By its webhook, and without it by Stripe's lists."""
    intent_id, payment_id = await paid(system)
    await refund(system, payment_id, PRICE, **webhook)
    view = await shows(system, intent_id, "cancelled", status="refunded", refunded=PRICE)
    assert view["reason"] == "refunded_elsewhere"


async def test_a_dispute_is_shown_and_a_lost_one_cancels(system: StripeSystem) -> None:
    intent_id, payment_id = await paid(system)
    dispute_id = await dispute(system, payment_id)
    await shows(system, intent_id, "confirmed", status="disputed")
    await close(system, dispute_id, "lost")
    view = await shows(system, intent_id, "cancelled", status="charged_back")
    assert view["reason"] == "charged_back"


async def test_the_list_has_what_no_webhook_told(system: StripeSystem) -> None:
    intent_id = await system.booked()
    await system.pay(intent_id, webhook={"drop": True})
    assert (await system.final(intent_id))["status"] == "confirmed"


async def test_a_charge_answers_the_capture_that_it_names(system: StripeSystem) -> None:
    """Goal: a capture that Stripe goes on answering with an error ends. Method: every capture
    fails, and the money is there by the webhook that names the capture."""
    wanted = fresh("intent")
    await system.fault(captures={"intentId": wanted, "failTimes": 1_000})
    intent_id = await system.booked(intentId=wanted, paymentMethod=CARD)
    captures = system.client["payment"]["captures"]

    async def is_asked_for() -> str:
        row = await captures.find_one({"intent_id": intent_id, "attempts": {"$gte": 1}})
        assert row is not None
        return str(row["_id"])

    about = {
        "id": fresh("pi_"),
        "object": "payment_intent",
        "status": "succeeded",
        "amount_received": PRICE,
        "currency": "usd",
        "metadata": {
            "intent_id": intent_id,
            "user_id": "ada",
            "capture_id": await eventually(is_asked_for),
        },
    }
    answer = await system.stripe_webhook(event("payment_intent.succeeded", about))
    assert (answer.status_code, answer.json()) == (202, {"status": "capture"})
    row = await captures.find_one({"intent_id": intent_id})
    assert row is not None
    assert (row["state"], row["payment_id"]) == ("captured", about["id"])
    assert (await system.final(intent_id))["status"] == "confirmed"


class TestWebhook:
    @pytest.mark.parametrize("header", ["", "t=1,v1=00", "nonsense", "v1=00", "t=x,v1=é"])
    async def test_what_stripe_did_not_sign_is_refused(
        self, system: StripeSystem, header: str
    ) -> None:
        before = await system.written()
        answer = await system.stripe_webhook(b"{}", header=header)
        assert answer.status_code == 401
        assert answer.json()["field"] == "Stripe-Signature"
        assert await system.written() == before

    async def test_one_of_another_secret_or_of_long_ago(self, system: StripeSystem) -> None:
        old = int(time.time()) - 400
        for refused in ({"secret": "whsec_of_nobody"}, {"at": old}):
            assert (await system.stripe_webhook(b"{}", **refused)).status_code == 401

    @pytest.mark.parametrize("secret", [OLD_SECRET, SECRET])
    async def test_each_of_the_secrets_lets_in(self, system: StripeSystem, secret: str) -> None:
        body = event("charge.succeeded", {"id": "ch_1"})
        answer = await system.stripe_webhook(body, secret=secret)
        assert (answer.status_code, answer.json()) == (202, {"status": "ignored"})

    @pytest.mark.parametrize(
        "body",
        [
            b"not JSON from Stripe",
            b'["from Stripe"]',
            b'{"type": 1, "data": {"object": {}}}',
            event("customer.created", {"id": "cus_1"}),
            event("payment_intent.succeeded", {"id": "pi_1", "metadata": None}),
            event("refund.created", {"id": "re_1", "payment_intent": None}),
            event("refund.created", {"id": "re_1", "payment_intent": "pi_of_nobody"}),
        ],
    )
    async def test_what_is_signed_and_not_understood_is_kept(
        self, system: StripeSystem, body: object
    ) -> None:
        kept = system.client["payment"]["unreadable_charges"]
        before = await kept.count_documents({})
        for _ in range(2):
            answer = await system.stripe_webhook(body)
            assert (answer.status_code, answer.json()) == (202, {"status": "kept"})
        assert await kept.count_documents({}) == before + 1

    async def test_inquiries_move_no_money(self, system: StripeSystem) -> None:
        about = {"id": "du_1", "object": "dispute", "status": "warning_needs_response"}
        answer = await system.stripe_webhook(event("charge.dispute.created", about))
        assert answer.json() == {"status": "ignored"}

    async def test_a_failure_of_nobody_s_capture(self, system: StripeSystem) -> None:
        about = {"id": "pi_1", "object": "payment_intent", "metadata": {"capture_id": "c-nobody"}}
        answer = await system.stripe_webhook(event("payment_intent.payment_failed", about))
        assert answer.json() == {"status": "ignored"}
