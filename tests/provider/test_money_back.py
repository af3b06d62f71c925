"""Money that goes back: refunds that are slow or fail, and disputes; told, listed, and bounded."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from stack.provider.database import open_database
from stack.provider.ledger import Ledger
from tests.provider.receiver import Receiver
from tests.provider.simulator import Simulator, eventually, order

OF_VERSION_0_1_0 = """
CREATE TABLE charges (seq INTEGER PRIMARY KEY, payment_id TEXT NOT NULL UNIQUE,
    intent_id TEXT NOT NULL, user_id TEXT NOT NULL, amount INTEGER NOT NULL,
    currency TEXT NOT NULL, metadata TEXT, refunded INTEGER NOT NULL DEFAULT 0);
CREATE TABLE refunds (seq INTEGER PRIMARY KEY, refund_id TEXT NOT NULL, payment_id TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, idempotency_key TEXT NOT NULL);
INSERT INTO charges VALUES (1, 'p', 'i', 'u', 1000, 'EUR', NULL, 300);
INSERT INTO refunds VALUES (2, 'r', 'p', 300, 'EUR', 'k');
"""


def told(receiver: Receiver, intent_id: str) -> list[str]:
    return [one.body.get("type", "charge") for one in receiver.of(intent_id)]


async def entries(simulator: Simulator, kind: str, payment_id: str) -> list[dict[str, Any]]:
    ledger = (await simulator.client.get("/ledger")).json()
    return [one for one in ledger[kind] if one["paymentId"] == payment_id]


@pytest.mark.parametrize(
    ("fault", "end"), [({"settleAfterMs": 300}, "succeeded"), ({"failAfterMs": 300}, "failed")]
)
async def test_a_pending_refund_ends_later_across_a_kill(
    own_simulator: Simulator, receiver: Receiver, fault: dict[str, int], end: str
) -> None:
    body = order(paymentId="p")
    await own_simulator.client.post("/charges", json=body)
    await own_simulator.arm(refunds={"pending": 1, **fault})
    answer = await own_simulator.refund("p", 1_000, "k")
    assert answer.json()["status"] == "pending"
    assert (await own_simulator.refund("p", 1, "l")).status_code == 422, "it counts already"
    await own_simulator.kill_and_start()

    reports = {"charge", "refund.pending", f"refund.{end}"}
    await eventually(lambda: set(told(receiver, body["intentId"])) == reports)
    times = Counter(told(receiver, body["intentId"]))
    assert times.pop(f"refund.{end}") == 1
    assert max(times.values()) <= 2, "twice where the kill came before it was noted"
    (entry,) = await entries(own_simulator, "refunds", "p")
    assert entry["status"] == end
    again = await own_simulator.refund("p", 1_000, "k")
    assert again.json() == answer.json(), "a key is answered the same forever"
    is_free = (await own_simulator.refund("p", 1_000, "m")).status_code
    assert is_free == (201 if end == "failed" else 422)


async def test_what_moved_comes_again_in_the_pages(own_simulator: Simulator) -> None:
    await own_simulator.paid(paymentId="p")
    await own_simulator.arm(refunds={"pending": 1})
    refund_id = (await own_simulator.refund("p", 400, "k")).json()["refundId"]
    page = (await own_simulator.client.get("/ledger?after=0")).json()
    assert [one["status"] for one in page["refunds"]] == ["pending"]
    assert page["refunds"][0]["charge"]["paymentId"] == "p"

    for status in ("succeeded", "failed"):
        url = f"/refunds/{refund_id}"
        assert (await own_simulator.client.post(url, json={"status": status})).status_code == 200
        later = (await own_simulator.client.get(f"/ledger?after={page['next']}")).json()
        (moved,) = later["refunds"]
        assert moved["status"] == status
        assert moved["at"] == page["refunds"][0]["at"], "it was made then"
        page = {**later, "refunds": page["refunds"]}
    revived = await own_simulator.client.post(f"/refunds/{refund_id}", json={"status": "succeeded"})
    assert revived.status_code == 409


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_a_dispute(simulator: Simulator, receiver: Receiver, outcome: str) -> None:
    body = order()
    payment_id = (await simulator.client.post("/charges", json=body)).json()["paymentId"]
    await simulator.refund(payment_id, 300, str(uuid4()))
    assert (await simulator.dispute(payment_id, 701)).status_code == 422
    assert (await simulator.dispute("nobody", 1)).status_code == 404
    opened = await simulator.dispute(payment_id, 700)
    assert opened.status_code == 201
    assert (await simulator.refund(payment_id, 1, str(uuid4()))).status_code == 422

    dispute_id = opened.json()["disputeId"]
    assert (await simulator.close(dispute_id, outcome)).status_code == 200
    assert (await simulator.close(dispute_id, outcome)).status_code == 200, "said twice"
    other = "lost" if outcome == "won" else "won"
    assert (await simulator.close(dispute_id, other)).status_code == 409
    assert (await simulator.close("none", outcome)).status_code == 404

    (entry,) = await entries(simulator, "disputes", payment_id)
    assert entry.keys() == {"disputeId", "paymentId", "amount", "status", "at"}
    assert (entry["amount"], entry["status"]) == (700, outcome)
    is_left = (await simulator.refund(payment_id, 700, str(uuid4()))).status_code
    assert is_left == (201 if outcome == "won" else 422)
    await eventually(lambda: f"dispute.{outcome}" in told(receiver, body["intentId"]))
    last = receiver.of(body["intentId"])[-1].body
    assert last["charge"]["amount"] == 1_000

    known = (await simulator.client.get(f"/charges/{payment_id}")).json()
    assert [one["paymentId"] for one in known["charges"]] == [payment_id]
    assert [one["disputeId"] for one in known["disputes"]] == [dispute_id]
    assert (await simulator.client.get("/charges/nobody")).status_code == 404


async def test_webhooks_of_refunds_and_disputes_are_late_twice_or_never(
    simulator: Simulator, receiver: Receiver
) -> None:
    body = order()
    payment_id = (await simulator.client.post("/charges", json=body)).json()["paymentId"]
    silent = {"paymentId": payment_id, "amount": 1, "webhook": {"drop": True}}
    key = {"Idempotency-Key": str(uuid4())}
    await simulator.client.post("/refunds", json={**silent, "currency": "EUR"}, headers=key)
    await simulator.client.post("/disputes", json=silent)
    twice = {"paymentId": payment_id, "amount": 2, "webhook": {"repeat": 1, "delayMs": 50}}
    again = await simulator.client.post(
        "/refunds", json={**silent, "currency": "EUR", "webhook": {}}, headers=key
    )
    assert again.status_code == 201, "how its webhook misbehaves is no part of a request"
    await simulator.client.post("/disputes", json=twice)

    await eventually(lambda: told(receiver, body["intentId"]).count("dispute.opened") == 2)
    assert "refund.succeeded" not in told(receiver, body["intentId"])


def test_a_ledger_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "provider.db"
    with closing(sqlite3.connect(path)) as earlier:
        earlier.executescript(OF_VERSION_0_1_0)
    for _ in range(2):
        with closing(open_database(path)) as connection:
            ledger = Ledger(connection)
            (refund,) = ledger.refunds(after=0, until=ledger.newest(), limit=10)
            assert (refund["status"], refund["seq"]) == ("succeeded", 2)
            assert ledger.balance("p").refundable == 700
