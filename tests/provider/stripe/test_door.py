"""Stripe's own SDK runs unchanged against the second door, and gets what Stripe would answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import stripe

from tests.provider.receiver import Delivery
from tests.provider.simulator import Simulator, eventually
from tests.provider.stripe.receiver import StripeReceiver
from tests.provider.stripe.sdk import API_KEY, client

PRICE = 1_000
HTTPX_CLIENT_OF_THE_SDK = "ignore:Use 'content=<...>':DeprecationWarning"
pytestmark = pytest.mark.filterwarnings(HTTPX_CLIENT_OF_THE_SDK)


@pytest.fixture(scope="session")
async def sdk(both_doors: Simulator) -> AsyncIterator[stripe.StripeClient]:
    async with client(both_doors.url) as sdk:
        yield sdk


async def pay(
    sdk: stripe.StripeClient, key: str | None = None, **changes: Any
) -> stripe.PaymentIntent:
    """A PaymentIntent of a booking of its own, created and confirmed."""
    params: Any = {
        "amount": PRICE,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": True,
        "metadata": {"intent_id": f"intent-{uuid4()}", "user_id": "ada"},
        **changes,
    }
    return await sdk.v1.payment_intents.create_async(
        params, {"idempotency_key": key or str(uuid4())}
    )


def fields(kind: type[stripe.StripeObject]) -> set[str]:
    """What the SDK's type names; what is in capitals is the class's own."""
    return {name for name in kind.__annotations__ if not name.isupper()}


async def test_each_answer_has_the_fields_that_the_types_name(
    sdk: stripe.StripeClient, both_doors: Simulator
) -> None:
    intent = await pay(sdk, expand=["latest_charge"])
    assert (intent.status, intent.amount_received) == ("succeeded", PRICE)
    assert isinstance(intent.latest_charge, stripe.Charge)
    refund = await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 300})
    await both_doors.dispute(intent.id, 100)
    (dispute,) = (await sdk.v1.disputes.list_async({"payment_intent": intent.id})).data
    (event,) = (await sdk.v1.events.list_async({"limit": 1})).data
    seen: list[stripe.StripeObject] = [intent, intent.latest_charge, refund, dispute, event]
    kinds = [stripe.PaymentIntent, stripe.Charge, stripe.Refund, stripe.Dispute, stripe.Event]
    assert [type(one) for one in seen] == kinds
    for one in seen:
        assert set(one.to_dict()) == fields(type(one))


async def test_a_key_belongs_to_one_request(sdk: stripe.StripeClient) -> None:
    key, intent = str(uuid4()), f"intent-{uuid4()}"
    first = await pay(sdk, key, metadata={"intent_id": intent})
    again = await pay(sdk, key, metadata={"intent_id": intent})
    assert first.last_response is not None
    assert again.last_response is not None
    assert first.to_dict() == again.to_dict()
    assert first.last_response.headers.get("idempotent-replayed") is None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    for changes in ({"amount": 5}, {"metadata": {"intent_id": intent, "note": "new"}}):
        with pytest.raises(stripe.IdempotencyError) as raised:
            await pay(sdk, key, **{"metadata": {"intent_id": intent}, **changes})
        assert raised.value.http_status == 400
        assert raised.value.error is not None
        assert raised.value.error.type == "idempotency_error"


async def test_two_with_one_key_at_one_moment(
    sdk: stripe.StripeClient, both_doors: Simulator
) -> None:
    key, note = str(uuid4()), {"intent_id": f"intent-{uuid4()}"}
    await both_doors.arm(captures={"intentId": note["intent_id"], "delayMs": 200})
    pays = (pay(sdk, key, metadata=note) for _ in range(2))
    one, other = sorted(await asyncio.gather(*pays, return_exceptions=True), key=_is_error)
    assert isinstance(one, stripe.PaymentIntent)
    assert isinstance(other, stripe.APIError)
    assert other.error is not None
    assert (other.http_status, other.error.code) == (409, "idempotency_key_in_use")


def _is_error(one: object) -> bool:
    return isinstance(one, BaseException)


async def test_a_declined_card_is_declined_for_its_key(sdk: stripe.StripeClient) -> None:
    key, note = str(uuid4()), {"intent_id": f"intent-{uuid4()}"}
    for _ in range(2):
        with pytest.raises(stripe.CardError) as raised:
            await pay(sdk, key, payment_method="pm_card_visa_chargeDeclined", metadata=note)
        error = raised.value.error
        assert error is not None
        assert (raised.value.http_status, error.code) == (402, "card_declined")
        assert error.decline_code == "generic_decline"
        assert error.payment_intent is not None
        payment_id = error.payment_intent.id
    found = await sdk.v1.payment_intents.retrieve_async(payment_id)
    assert (found.status, found.amount_received) == ("requires_payment_method", 0)
    assert set(found.to_dict()) == fields(stripe.PaymentIntent)
    charge = await sdk.v1.charges.retrieve_async(str(found.latest_charge))
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, "card_declined")


async def test_refunds_end_where_the_charge_does(
    sdk: stripe.StripeClient, both_doors: Simulator
) -> None:
    intent, disputed = await pay(sdk), await pay(sdk)
    charge = str(intent.latest_charge)
    await sdk.v1.refunds.create_async({"charge": charge, "amount": 300})
    for amount, code in ((701, None), (0, None)):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            await sdk.v1.refunds.create_async({"charge": charge, "amount": amount})
        assert (raised.value.http_status, raised.value.param) == (400, "amount")
        assert raised.value.code in (code, "parameter_invalid")
    rest = await sdk.v1.refunds.create_async({"charge": charge, "metadata": {"why": "café"}})
    assert rest.metadata is not None
    assert (rest.amount, rest.metadata.to_dict()) == (700, {"why": "café"})
    await both_doors.dispute(disputed.id, PRICE)
    for refused, why in ((intent, "charge_already_refunded"), (disputed, "charge_disputed")):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            await sdk.v1.refunds.create_async({"payment_intent": refused.id})
        assert (raised.value.http_status, raised.value.code) == (400, why)
    found = await sdk.v1.charges.retrieve_async(charge)
    assert (found.refunded, found.amount_refunded) == (True, PRICE)


@pytest.mark.parametrize(
    ("fault", "kind", "status", "code"),
    [
        ({"busyTimes": 1}, stripe.RateLimitError, 429, "rate_limit"),
        ({"lockedTimes": 1}, stripe.APIError, 409, "lock_timeout"),
        ({"failTimes": 1}, stripe.APIError, 500, None),
    ],
)
async def test_what_goes_wrong_for_now(
    sdk: stripe.StripeClient,
    both_doors: Simulator,
    fault: dict[str, int],
    kind: type[stripe.StripeError],
    status: int,
    code: str | None,
) -> None:
    note = {"intent_id": f"intent-{uuid4()}"}
    await both_doors.arm(captures={"intentId": note["intent_id"], **fault})
    with pytest.raises(kind) as raised:
        await pay(sdk, metadata=note)
    assert raised.value.http_status == status
    assert raised.value.error is not None
    assert raised.value.error.code == code
    assert (await pay(sdk, metadata=note)).status == "succeeded"


async def test_lists_go_by_created_and_cursor(sdk: stripe.StripeClient) -> None:
    made = [(await pay(sdk)).id for _ in range(4)]
    first = await sdk.v1.payment_intents.retrieve_async(made[0])
    since: Any = {"created": {"gte": first.created}, "limit": 2}
    page = await sdk.v1.payment_intents.list_async(since)
    listed = [one.id async for one in page.auto_paging_iter()]
    assert [one for one in listed if one in made] == made[::-1]
    older = {"created": {"lt": first.created}, "limit": 100}
    assert made[0] not in [
        one.id
        for one in (await sdk.v1.payment_intents.list_async(older)).data  # type: ignore[arg-type]
    ]
    back = await sdk.v1.payment_intents.list_async({"ending_before": made[0], "limit": 2})
    assert [one.id for one in back.data] == [made[2], made[1]]
    assert back.has_more
    charges = await sdk.v1.charges.list_async(
        {"starting_after": str(first.latest_charge), "limit": 1}
    )
    assert str(first.latest_charge) not in [one.id for one in charges.data]
    both = await sdk.v1.events.list_async(
        {"types": ["payment_intent.succeeded", "charge.refunded"], "limit": 4}
    )
    assert {one.type for one in both.data} <= {"payment_intent.succeeded", "charge.refunded"}


async def test_what_the_first_door_took_is_listed_at_the_second(
    sdk: stripe.StripeClient, both_doors: Simulator
) -> None:
    payment_id = await both_doors.paid(intentId="from-the-first", currency="EUR")
    intent = await sdk.v1.payment_intents.retrieve_async(payment_id)
    assert (intent.amount_received, intent.currency) == (PRICE, "eur")
    assert intent.metadata.to_dict() == {"intent_id": "from-the-first", "user_id": "u1"}
    refund = await sdk.v1.refunds.create_async({"charge": str(intent.latest_charge)})
    (listed,) = await both_doors.refunds_of(payment_id)
    assert (listed["refundId"], listed["amount"]) == (refund.id, PRICE)


async def test_who_has_no_key_is_not_let_in(both_doors: Simulator) -> None:
    async with client(both_doors.url, api_key="sk_test_another") as stranger:
        with pytest.raises(stripe.AuthenticationError):
            await pay(stranger)


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ("amount=5", "currency"),
        ("amount=5.5&currency=usd&payment_method=pm&confirm=true", "amount"),
        ("amount=5&currency=usd&payment_method=pm&confirm=true&colour=red", "colour"),
        ("amount=5&currency=usd&payment_method=pm&confirm=true&metadata=x", "metadata"),
        ("amount=5&amount[a]=6", "amount[a]"),
        ("amount[[=5", "amount[["),
        ("amount=%ff", None),
    ],
)
async def test_a_form_that_is_wrong(both_doors: Simulator, form: str, param: str | None) -> None:
    headers = {"authorization": f"Bearer {API_KEY}"}
    answer = await both_doors.client.post("/v1/payment_intents", content=form, headers=headers)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error.get("param")) == ("invalid_request_error", param)


async def test_a_version_that_it_does_not_speak(both_doors: Simulator) -> None:
    headers = {"authorization": f"Bearer {API_KEY}", "stripe-version": "2019-01-01"}
    answer = await both_doors.client.get("/v1/charges", headers=headers)
    assert answer.status_code == 400
    assert "version" in answer.json()["error"]["message"]


async def delivered(
    receiver: StripeReceiver, payment_id: str, kind: str, times: int
) -> list[Delivery]:
    def of_kind() -> list[Delivery]:
        return [one for one in receiver.of(payment_id) if one.body["type"] == kind]

    await eventually(lambda: len(of_kind()) >= times)
    return of_kind()


async def test_webhooks_come_signed_late_twice_or_never(
    sdk: stripe.StripeClient, both_doors: Simulator, stripe_receiver: StripeReceiver
) -> None:
    """Each is an event that the list has too, whether its webhook came or not."""
    kind, intents = "payment_intent.succeeded", {}
    for name, webhook in (
        ("never", {"drop": True}),
        ("late", {"delayMs": 700, "repeat": 1}),
        ("plain", {}),
    ):
        note = {"intent_id": f"{name}-{uuid4()}"}
        await both_doors.arm(captures={"intentId": note["intent_id"], "webhook": webhook})
        intents[name] = await pay(sdk, metadata=note)
    (plain, *_) = await delivered(stripe_receiver, intents["plain"].id, kind, 1)
    late = await delivered(stripe_receiver, intents["late"].id, kind, 2)
    assert plain.at < late[0].at
    assert len({one.webhook_id for one in late}) == 1
    assert stripe_receiver.of(intents["never"].id) == []
    listed = await sdk.v1.events.list_async({"type": kind, "limit": 100})
    about = {one.id: one.data.object["id"] for one in listed.data}
    assert about[plain.webhook_id] == intents["plain"].id
    assert {intents[name].id for name in intents} <= set(about.values())


async def test_disputes_are_opened_and_closed_by_the_test(
    sdk: stripe.StripeClient, both_doors: Simulator, stripe_receiver: StripeReceiver
) -> None:
    intent = await pay(sdk)
    dispute_id = (await both_doors.dispute(intent.id, PRICE)).json()["disputeId"]
    await delivered(stripe_receiver, intent.id, "charge.dispute.created", 1)
    await both_doors.close(dispute_id, "lost")
    (closed,) = await delivered(stripe_receiver, intent.id, "charge.dispute.closed", 1)
    assert closed.body["data"]["object"]["status"] == "lost"
    found = await sdk.v1.disputes.retrieve_async(dispute_id)
    assert (found.status, found.charge) == ("lost", intent.latest_charge)
