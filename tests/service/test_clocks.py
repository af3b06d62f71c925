"""Services on hosts whose clocks are wrong: what must be exact goes by the database's clock.

A webhook alone is judged by the host's own clock: it is refused, loudly, and nothing is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tests import faketime
from tests.service.booking_system import BookingSystem, fresh
from tests.service.test_refused_intents import is_problem

AHEAD, BEHIND = "+10m", "-10m"
CLOCKS = {
    "booking ahead": {"gateway": BEHIND, "booking": AHEAD, "payment": BEHIND, "relay": AHEAD},
    "booking behind": {"gateway": AHEAD, "booking": BEHIND, "payment": AHEAD, "relay": BEHIND},
}
PAYMENT_TIMEOUT = timedelta(seconds=5)
SLACK = timedelta(seconds=3)
ROUNDING = timedelta(milliseconds=2)  # of two times, and of the services' reading of the clock


async def restart(system: BookingSystem, clocks: Mapping[str, str | None]) -> None:
    """All at once, each with its clock off by so much."""
    async with asyncio.TaskGroup() as group:
        for name, off in clocks.items():
            group.create_task(system.stack.restart(name, faketime.shifted(off) if off else None))


@pytest.fixture(scope="module", params=CLOCKS)
def clocks(request: pytest.FixtureRequest) -> Mapping[str, str]:
    return CLOCKS[request.param]


@pytest.fixture(scope="module")
async def apart(
    shared_system: BookingSystem, clocks: Mapping[str, str]
) -> AsyncIterator[BookingSystem]:
    """The programs' clocks are off, and each by twenty minutes from those it talks to most.

    The database and the provider have the right time.
    """
    await restart(shared_system, clocks)
    yield shared_system
    await restart(shared_system, dict.fromkeys(clocks))
    faketime.clean_up()


@pytest.fixture
async def hasty(apart: BookingSystem, clocks: Mapping[str, str]) -> AsyncIterator[BookingSystem]:
    """The same, with a deadline that is near."""
    deadline = {"PAYMENT_TIMEOUT_S": str(PAYMENT_TIMEOUT.total_seconds())}
    off = faketime.shifted(clocks["booking"])
    await apart.stack.restart("booking", {**off, **deadline})
    yield apart
    await apart.stack.restart("booking", off)


@pytest.mark.fault(20, "every program is ten minutes off; nobody pays")
async def test_an_intent_is_timed_out_neither_early_nor_late(hasty: BookingSystem) -> None:
    """Goal: a deadline is the database's. Method: the times of the events, and what we see."""
    intent_id = await hasty.booked()
    asked_at = datetime.now(UTC)
    view = await hasty.final(intent_id)
    seen_at = datetime.now(UTC)
    assert (view["status"], view["reason"]) == ("failed", "payment_timeout")
    created_at, failed_at = (datetime.fromisoformat(entry["time"]) for entry in view["timeline"])
    for passed in (failed_at - created_at, seen_at - asked_at):
        assert PAYMENT_TIMEOUT - ROUNDING <= passed < PAYMENT_TIMEOUT + SLACK


@pytest.mark.fault(20, "the payment service is ten minutes off; a customer pays")
async def test_a_charge_whose_web_hook_is_refused_for_its_time_is_found(
    apart: BookingSystem,
) -> None:
    """Goal: whoever paid is confirmed in spite of our wrong clock, somebody is told of it, and the
    timeline is in order. Method: the provider signs its webhooks at the right time.
    """
    refused = await apart.webhook(apart.charge(fresh("unknown")))
    is_problem(refused, 401, "webhook-timestamp")
    began_at = datetime.now(UTC) - ROUNDING
    intent_id = await apart.booked()
    alarms = await apart.counted("payment", "payment_alarms_total", kind="untimely")
    await apart.pay(intent_id)
    view = await apart.final(intent_id, entries=3)
    ended_at = datetime.now(UTC) + ROUNDING
    assert view["status"] == "confirmed"
    types = [entry["type"] for entry in view["timeline"]]
    assert types == ["booking.intent.created", "payment.captured", "booking.confirmed"]
    times = [datetime.fromisoformat(entry["time"]) for entry in view["timeline"]]
    assert [began_at, *times, ended_at] == sorted([began_at, *times, ended_at])
    assert await apart.counted("payment", "payment_reconciled_total") >= 1
    assert await apart.counted("payment", "payment_alarms_total", kind="untimely") > alarms >= 1
