"""Relays on hosts whose clocks are wrong: the lease goes by the database's clock alone."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from stack.servers.ports import LOOPBACK
from tests import faketime
from tests.eventually import eventually
from tests.relay.harness import RelayHarness, RelayProgram

AHEAD, BEHIND = "+10m", "-10m"
LEASE_S = 2.0
WATCHED_S = 1.5 * LEASE_S
TAKE_OVER_S = 5.0


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """A program that is killed leaves libfaketime's shared memory behind."""
    yield
    faketime.clean_up()


async def is_(relay: RelayProgram, *states: str) -> bool:
    """Whether the relay says that it is in one of these states."""
    async with httpx.AsyncClient(trust_env=False) as http:
        try:
            answer = await http.get(f"http://{LOOPBACK}:{relay.port}/readyz")
        except httpx.TransportError:
            return False
    return not set(states).isdisjoint(answer.json()["checks"].values())


@pytest.mark.fault(20, "two relays, one ten minutes ahead, one ten minutes behind")
@pytest.mark.parametrize(("first", "second"), [(AHEAD, BEHIND), (BEHIND, AHEAD)])
async def test_a_wrong_clock_neither_steals_a_lease_nor_waits_for_it_too_long(
    harness: RelayHarness, first: str, second: str
) -> None:
    """Goal: exactly one of two leads, and the other follows it in time when it dies.

    Method: both on shifted clocks, rows all the while, for longer than a lease; then SIGKILL.
    """
    lease = {"RELAY_LEASE_S": str(LEASE_S)}
    async with (
        harness.program(**lease, **faketime.shifted(first)) as leader,
        AsyncExitStack() as later,
    ):

        async def leads() -> bool:
            return await is_(leader, "streaming")

        await eventually(leads)
        other = await later.enter_async_context(
            harness.program(**lease, **faketime.shifted(second))
        )

        async def one_leads() -> bool:
            return await leads() and await is_(other, "standby")

        async def has_taken_over() -> bool:
            return await is_(other, "backfill", "streaming")

        await eventually(one_leads)
        ids = await harness.add(5)
        fence = (await harness.checkpoint())["fence"]
        until_s = time.monotonic() + WATCHED_S
        while time.monotonic() < until_s:
            assert await one_leads()
            ids += await harness.add(1)
        assert (await harness.checkpoint())["fence"] == fence
        await leader.kill()
        killed_at_s = time.monotonic()
        await eventually(has_taken_over)
        assert time.monotonic() - killed_at_s < TAKE_OVER_S
        await harness.delivered(ids + await harness.add(5))
