"""Webhooks arrive, rightly signed, as often as was asked, whatever falls over in between."""

import signal

from stack.servers.ports import free_port
from tests.provider.receiver import Receiver
from tests.provider.simulator import Simulator, card, eventually, order


async def test_a_charge_sends_its_webhook(simulator: Simulator, receiver: Receiver) -> None:
    body = order(metadata={"traceparent": "00-ab-cd-01", "café": "ü"})
    payment_id = (await simulator.client.post("/charges", json=body)).json()["paymentId"]
    await eventually(lambda: len(receiver.of(body["intentId"])) == 1)
    assert receiver.of(body["intentId"])[0].body == body | {"paymentId": payment_id}


async def test_a_capture_sends_its_webhook(simulator: Simulator, receiver: Receiver) -> None:
    body = card()
    payment_id = (await simulator.capture(body, "capture-webhook")).json()["paymentId"]
    await eventually(lambda: len(receiver.of(body["intentId"])) == 1)
    del body["paymentMethod"]
    assert receiver.of(body["intentId"])[0].body == body | {"paymentId": payment_id}


async def test_it_is_sent_until_it_is_answered_2xx(
    simulator: Simulator, receiver: Receiver
) -> None:
    body = order()
    receiver.answers[body["intentId"]] = [500, 503, 404, 302]
    await simulator.client.post("/charges", json=body)
    await eventually(lambda: len(receiver.of(body["intentId"])) == 5)
    await eventually(lambda: not receiver.answers[body["intentId"]])
    assert len({one.webhook_id for one in receiver.of(body["intentId"])}) == 1


async def test_repeat_and_delay(simulator: Simulator, receiver: Receiver) -> None:
    plain, late = order(), order(webhook={"delayMs": 1_100, "repeat": 2})
    await simulator.client.post("/charges", json=late)
    await simulator.client.post("/charges", json=plain)
    await eventually(lambda: len(receiver.of(late["intentId"])) == 3)

    (first,) = receiver.of(plain["intentId"])
    sendings = receiver.of(late["intentId"])
    assert sendings[0].at - first.at > 0.9
    assert len({one.webhook_id for one in sendings}) == 1


async def test_every_sending_is_signed_anew(simulator: Simulator, receiver: Receiver) -> None:
    """The time is part of the signature. Six back-offs take over a second: so it changes."""
    body = order()
    receiver.answers[body["intentId"]] = [500] * 6
    await simulator.client.post("/charges", json=body)
    await eventually(lambda: len(receiver.of(body["intentId"])) == 7)
    assert len({one.signature for one in receiver.of(body["intentId"])}) > 1


async def test_drop_and_known_charges_send_nothing(
    own_simulator: Simulator, receiver: Receiver
) -> None:
    dropped, known = order(webhook={"drop": True}), order(paymentId="known")
    await own_simulator.client.post("/charges", json=dropped)
    for _ in range(2):
        await own_simulator.client.post("/charges", json=known)

    async def none_pending() -> bool:
        return bool((await own_simulator.client.get("/readyz")).json()["webhooksPending"] == 0)

    await eventually(none_pending)
    assert receiver.of(dropped["intentId"]) == []
    assert len(receiver.of(known["intentId"])) == 1


async def test_pending_webhooks_survive_kill_9(
    own_simulator: Simulator, receiver: Receiver
) -> None:
    """Goal: no pending webhook is lost. Method: the receiver away, SIGKILL, then it is back."""
    nobody = f"http://127.0.0.1:{free_port()}/payment/captured"
    own_simulator.stop()
    own_simulator.environment["WEBHOOK_URL"] = nobody
    await own_simulator.start()
    bodies = [order() for _ in range(100)]
    for body in bodies:
        await own_simulator.client.post("/charges", json=body)

    own_simulator.stop(signal.SIGKILL)
    own_simulator.environment["WEBHOOK_URL"] = receiver.url
    await own_simulator.start()
    await eventually(lambda: all(receiver.of(body["intentId"]) for body in bodies))
