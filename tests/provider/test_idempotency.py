"""What was answered once is answered forever, and done once."""

import asyncio
from uuid import uuid4

from tests.provider.simulator import Simulator, card, order


async def test_a_payment_id_names_one_charge(simulator: Simulator) -> None:
    body = order(paymentId=f"p-{uuid4()}", metadata={"traceparent": "a"})
    first = await simulator.client.post("/charges", json=body)
    again = await simulator.client.post("/charges", json=body | {"metadata": {"traceparent": "b"}})
    other = await simulator.client.post("/charges", json=body | {"amount": 1_001})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == again.json() == {"paymentId": body["paymentId"]}
    (charge,) = await simulator.charges_of(body["intentId"])
    assert (charge["amount"], charge["metadata"]) == (1_000, {"traceparent": "a"})


async def test_a_capture_is_done_once_a_key(simulator: Simulator) -> None:
    body, key = card(), str(uuid4())
    answers = [await simulator.capture(body, key) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.text for answer in answers}) == 1
    replayed = [answer.headers.get("idempotent-replayed") for answer in answers]
    assert replayed == [None, "true", "true"]
    (charge,) = await simulator.charges_of(body["intentId"])
    assert charge["paymentId"] == answers[0].json()["paymentId"]


async def test_a_key_with_another_body_is_refused(simulator: Simulator) -> None:
    body, key = card(), str(uuid4())
    await simulator.capture(body, key)
    other = await simulator.capture(body | {"amount": 5}, key)

    assert other.status_code == 409
    assert other.json()["type"].endswith("idempotency-key-reused")
    assert len(await simulator.charges_of(body["intentId"])) == 1


async def test_a_retry_may_carry_another_trace(simulator: Simulator) -> None:
    body, key = card(), str(uuid4())
    first = await simulator.capture(body | {"metadata": {"traceparent": "a"}}, key)
    again = await simulator.capture(body | {"metadata": {"traceparent": "b"}}, key)
    assert first.json() == again.json()


async def test_captures_and_refunds_do_not_share_keys(simulator: Simulator) -> None:
    key = str(uuid4())
    payment_id = (await simulator.capture(card(), key)).json()["paymentId"]
    assert (await simulator.refund(payment_id, 1_000, key)).status_code == 201


async def test_a_declined_capture_stays_declined(simulator: Simulator) -> None:
    body, key = card(), str(uuid4())
    await simulator.arm(captures={"decline": 1, "intentId": body["intentId"]})
    first = await simulator.capture(body, key)
    again = await simulator.capture(body, key)
    with_another_key = await simulator.capture(body, str(uuid4()))

    assert first.status_code == again.status_code == 402
    assert first.json() == again.json()
    assert first.json()["reason"] == "declined"
    assert first.headers["content-type"] == "application/problem+json"
    assert with_another_key.status_code == 201


async def test_a_refund_takes_no_more_than_was_captured(simulator: Simulator) -> None:
    payment_id = await simulator.paid(amount=1_000)
    first, second = str(uuid4()), str(uuid4())

    part = await simulator.refund(payment_id, 600, first)
    too_much = await simulator.refund(payment_id, 401, second)
    rest = await simulator.refund(payment_id, 400, second)  # what was refused left the key free
    again = await simulator.refund(payment_id, 600, first)

    statuses = [answer.status_code for answer in (part, too_much, rest, again)]
    assert statuses == [201, 422, 201, 201]
    assert too_much.json()["type"].endswith(":amount-exceeds-refundable")
    assert too_much.json()["refundable"] == 400
    assert (await simulator.refund(payment_id, 1, str(uuid4()))).json() == {
        "type": "urn:provider:problem:already-refunded",
        "title": "Already refunded",
        "status": 422,
        "detail": "amount: 0 of 1000 left",
        "captured": 1_000,
        "refunded": 1_000,
        "disputed": 0,
        "chargedBack": 0,
        "refundable": 0,
    }
    assert part.json() == again.json()
    assert part.json().keys() == {"refundId", "paymentId", "amount", "currency", "status"}
    refunds = await simulator.refunds_of(payment_id)
    assert [(one["amount"], one["idempotencyKey"]) for one in refunds] == [
        (600, first),
        (400, second),
    ]


async def test_a_refund_of_what_was_never_paid(simulator: Simulator) -> None:
    payment_id = await simulator.paid()
    unknown = await simulator.refund("nobody", 1, str(uuid4()))
    wrong_currency = await simulator.refund(payment_id, 1, str(uuid4()), "USD")
    assert (unknown.status_code, wrong_currency.status_code) == (404, 422)


async def test_everything_answered_survives_kill_9(own_simulator: Simulator) -> None:
    """Goal: no answered operation is lost or done twice. Method: SIGKILL amid many, then retry."""
    captures = [(card(), str(uuid4())) for _ in range(50)]
    calls = [asyncio.create_task(own_simulator.capture(*one)) for one in captures]
    declined, declined_key = card(paymentMethod="declined"), str(uuid4())
    no = await own_simulator.capture(declined, declined_key)
    payment_id = await own_simulator.paid()
    refund = await own_simulator.refund(payment_id, 1_000, "refund-key")
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    await own_simulator.kill_and_start()
    before = await asyncio.gather(*calls, return_exceptions=True)

    for (body, key), answer in zip(captures, before, strict=True):
        again = await own_simulator.capture(body, key)
        assert again.status_code == 201
        if not isinstance(answer, BaseException):
            assert again.json() == answer.json()
        assert len(await own_simulator.charges_of(body["intentId"])) == 1
    assert (await own_simulator.capture(declined, declined_key)).json() == no.json()
    again = await own_simulator.refund(payment_id, 1_000, "refund-key")
    assert again.json() == refund.json()
    assert len(await own_simulator.refunds_of(payment_id)) == 1
