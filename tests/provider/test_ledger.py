"""The ledger shows everything, in order, whole or page by page."""

import re
from typing import Any

from tests.provider.simulator import Simulator, order


async def test_the_whole_ledger(own_simulator: Simulator) -> None:
    body = order(metadata={"traceparent": "t"}, paymentId="p1")
    await own_simulator.client.post("/charges", json=body)
    await own_simulator.paid(paymentId="p2")
    refund = await own_simulator.refund("p1", 10, "k")

    ledger = (await own_simulator.client.get("/ledger")).json()
    assert ledger.keys() == {"charges", "refunds", "disputes"}
    at, second_at = (charge.pop("at") for charge in ledger["charges"])
    assert ledger["charges"][0] == body
    assert ledger["charges"][1].keys() == body.keys() - {"metadata"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", at)
    (refunded,) = ledger["refunds"]
    assert at < second_at < refunded.pop("at")
    assert refunded == refund.json() | {"idempotencyKey": "k"}


async def test_pages_join_to_the_whole(own_simulator: Simulator) -> None:
    for number in range(25):
        await own_simulator.paid(paymentId=f"p{number}")
        if number % 3 == 0:
            await own_simulator.refund(f"p{number}", 1, f"k{number}")

    charges: list[dict[str, Any]] = []
    refunds: list[dict[str, Any]] = []
    after, more = 0, True
    while more:
        page = (await own_simulator.client.get(f"/ledger?after={after}&limit=4")).json()
        seqs = [entry["seq"] for entry in page["charges"] + page["refunds"]]
        assert len(seqs) <= 4
        assert all(after < seq <= page["next"] for seq in seqs)
        charges += page["charges"]
        refunds += page["refunds"]
        after, more = page["next"], page["more"]
    whole = (await own_simulator.client.get("/ledger")).json()
    assert [one["paymentId"] for one in charges] == [one["paymentId"] for one in whole["charges"]]
    assert [one["refundId"] for one in refunds] == [one["refundId"] for one in whole["refunds"]]

    nothing = (await own_simulator.client.get(f"/ledger?after={after}")).json()
    assert nothing == {"charges": [], "refunds": [], "disputes": [], "next": after, "more": False}
    await own_simulator.kill_and_start()
    await own_simulator.paid(paymentId="later")
    page = (await own_simulator.client.get(f"/ledger?after={after}")).json()
    assert [charge["paymentId"] for charge in page["charges"]] == ["later"]


async def test_an_empty_ledger(own_simulator: Simulator) -> None:
    ledger = (await own_simulator.client.get("/ledger")).json()
    assert ledger == {"charges": [], "refunds": [], "disputes": []}
    page = (await own_simulator.client.get("/ledger?after=0")).json()
    assert page == {"charges": [], "refunds": [], "disputes": [], "next": 0, "more": False}
