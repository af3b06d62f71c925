"""Each example shop places an order once and tells of it once, though it is killed in between."""

import signal
import sys
from typing import Final

import httpx
import pytest

from tests.examples.shop_process import running
from tests.relay.harness import RelayHarness

FLASK: Final = ("flask", "--app", "examples/flask_shop/shop.py", "run")
MOTOR: Final = ("uvicorn", "--app-dir", "examples/motor_shop", "shop:app")


@pytest.mark.fault(2, "killed after the commit, before the reply")
@pytest.mark.parametrize("command", [FLASK, MOTOR], ids=["flask", "motor"])
async def test_a_shop_killed_before_its_answer_has_placed_the_order_once(
    shop_harness: RelayHarness, command: tuple[str, ...]
) -> None:
    """Goal: one order, one event. Method: SIGKILL after the commit; the customer sends it again."""
    harness, command = shop_harness, (sys.executable, "-m", *command)
    async with running(harness, command, crash_at="transaction.committed") as shop:
        with pytest.raises(httpx.TransportError):
            await shop.put("o1")
        assert await shop.process.wait() == -signal.SIGKILL
    async with running(harness, command) as shop, harness.relaying():
        for order in ("o1", "o2", "o2"):
            assert (await shop.put(order)).status_code == 201
        ids = [row["_id"] async for row in harness.rows.find().sort("_id")]
        assert len(ids) == 2
        await harness.delivered(ids)
    assert sorted(harness.arrived) == ids
    orders = harness.database["orders"].find().sort("_id")
    assert [row["_id"] async for row in orders] == ["o1", "o2"]
