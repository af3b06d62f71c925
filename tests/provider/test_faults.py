"""Each fault does what it says, to whom it says, as often as it says."""

import asyncio
import time
from uuid import uuid4

import httpx
import pytest

from tests.provider.receiver import Receiver
from tests.provider.simulator import Simulator, card, eventually


async def test_fail_times_fails_before_anything_is_done(simulator: Simulator) -> None:
    payment_id, key = await simulator.paid(), str(uuid4())
    await simulator.arm(refunds={"failTimes": 2, "paymentId": payment_id})

    for _ in range(2):
        assert (await simulator.refund(payment_id, 1_000, key)).status_code == 500
        assert await simulator.refunds_of(payment_id) == []
    assert (await simulator.refund(payment_id, 1_000, key)).status_code == 201


async def test_timeout_after_success_is_done_and_never_answered(
    simulator: Simulator, receiver: Receiver
) -> None:
    body, key = card(), str(uuid4())
    await simulator.arm(captures={"timeoutAfterSuccess": 1, "intentId": body["intentId"]})

    with pytest.raises(httpx.ReadTimeout):
        await simulator.capture(body, key, timeout=0.2)
    (charge,) = await simulator.charges_of(body["intentId"])
    await eventually(lambda: len(receiver.of(body["intentId"])) == 1)

    again = await simulator.capture(body, key)
    assert (again.status_code, again.json()["paymentId"]) == (201, charge["paymentId"])
    assert len(await simulator.charges_of(body["intentId"])) == 1


async def test_a_withheld_answer_ends_with_the_process(own_simulator: Simulator) -> None:
    body = card()
    await own_simulator.arm(captures={"timeoutAfterSuccess": 1})
    waiting = asyncio.create_task(own_simulator.capture(body, "key"))

    async def done() -> bool:
        return len(await own_simulator.charges_of(body["intentId"])) == 1

    await eventually(done)
    assert not waiting.done()
    started = time.monotonic()
    assert await asyncio.to_thread(own_simulator.stop) == 0
    assert time.monotonic() - started < 2
    with pytest.raises(httpx.TransportError):
        await waiting


@pytest.mark.parametrize("method", ["declined", "decline_insufficient_funds"])
async def test_a_payment_method_that_declines(simulator: Simulator, method: str) -> None:
    body = card(paymentMethod=method)
    answer = await simulator.capture(body, str(uuid4()))
    assert (answer.status_code, answer.json()["reason"]) == (402, "declined")
    assert await simulator.charges_of(body["intentId"]) == []


async def test_decline_holds_until_it_is_disarmed(simulator: Simulator) -> None:
    body = card()
    await simulator.arm(captures={"decline": True, "intentId": body["intentId"]})
    for _ in range(3):
        assert (await simulator.capture(body, str(uuid4()))).status_code == 402
    await simulator.arm(captures={"intentId": body["intentId"]})
    assert (await simulator.capture(body, str(uuid4()))).status_code == 201


async def test_a_key_in_progress_is_answered_409(simulator: Simulator) -> None:
    body, key = card(), str(uuid4())
    await simulator.arm(captures={"delayMs": 300, "intentId": body["intentId"]})

    started = time.monotonic()
    slow, twin = await asyncio.gather(simulator.capture(body, key), simulator.capture(body, key))
    assert time.monotonic() - started >= 0.3
    late, refused = sorted((slow, twin), key=lambda answer: answer.status_code)
    assert (late.status_code, refused.status_code) == (201, 409)
    assert refused.json()["type"].endswith("in-progress")


async def test_faults_are_limited_shown_replaced_and_cleared(own_simulator: Simulator) -> None:
    mine, other = card(), card()
    await own_simulator.arm(
        captures={"failTimes": 9},
        refunds={"failTimes": 3, "paymentId": "p1"},
    )
    await own_simulator.arm(captures={"failTimes": 1, "intentId": mine["intentId"]})
    await own_simulator.arm(captures={"failTimes": 1})
    assert (await own_simulator.client.get("/faults")).json() == {
        "captures": [{"failTimes": 1, "intentId": mine["intentId"]}, {"failTimes": 1}],
        "refunds": [{"failTimes": 3, "paymentId": "p1"}],
    }

    # Its own fault first, then the general one, which is then used up for the other.
    calls = [await own_simulator.capture(mine, str(uuid4())) for _ in range(3)]
    assert [call.status_code for call in calls] == [500, 500, 201]
    assert (await own_simulator.capture(other, str(uuid4()))).status_code == 201

    assert (await own_simulator.client.delete("/faults")).status_code == 204
    armed = (await own_simulator.client.get("/faults")).json()
    assert armed == {"captures": [], "refunds": []}


async def test_a_refund_fault_may_name_the_intent(simulator: Simulator) -> None:
    body = card()
    payment_id = (await simulator.capture(body, str(uuid4()))).json()["paymentId"]
    await simulator.arm(refunds={"failTimes": 1, "intentId": body["intentId"]})
    assert (await simulator.refund(await simulator.paid(), 1, str(uuid4()))).status_code == 201
    assert (await simulator.refund(payment_id, 1, str(uuid4()))).status_code == 500
