"""Every container is killed, stopped, paused and cut off while bookings flow."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from tests.integration.faults import HARMS, check_invariants, inject
from tests.integration.flow import Flow
from tests.integration.run_counts import TALLY
from tests.integration.system import System

CRASH_LIMIT_S: Final = 60.0
CRASH_PASS_MAX: Final = 4
CRASH_POINTS: Final[Mapping[str, Sequence[str]]] = {
    "gateway": ("gateway.written", "gateway.committed", "outbox.added"),
    "booking": ("consumer.written", "consumer.committed", "outbox.added"),
    "payment": (
        *("payment.written", "payment.committed"),
        *("payment.attempted", "payment.answered"),
    ),
    "relay": ("relay.published", "relay.confirmed", "relay.marked"),
}


@pytest.mark.parametrize(
    "name",
    [
        "gateway",
        "booking",
        "payment",
        "relay",
        pytest.param("mongo", marks=pytest.mark.fault(8, "mongod kill -9 and restart")),
        pytest.param("rabbitmq", marks=pytest.mark.fault(10, "broker kill -9 while publishing")),
    ],
)
async def test_a_container_that_is_harmed_loses_nothing(
    system: System, name: str, seed: int
) -> None:
    """Goal: I1 to I9, whatever happens to one container. Method: each harm in a drawn order, at a
    drawn moment, while customers book, pay and cancel."""
    draw = random.Random(f"{seed} {name}")
    async with Flow(system, seed=draw.randrange(2**32)) as flow:
        for how in draw.sample(sorted(HARMS), len(HARMS)):
            await inject(system, name, how, draw)
    await check_invariants(system, flow)


@pytest.mark.fault(1, "kill after the writes, before the commit")
@pytest.mark.fault(2, "kill after the commit, before the HTTP reply")
@pytest.mark.fault(6, "relay killed after publish, after confirm, before checkpoint")
@pytest.mark.fault(16, "consumer killed between commit and acknowledgement")
async def test_programs_die_at_their_crash_points(system: System, seed: int) -> None:
    """Goal: I1 to I9 where a process dies at the worst moments. Method: all four programs at once,
    each started so that it kills itself at a drawn pass of one crash point after another."""
    draw = random.Random(f"{seed} crash points")
    async with Flow(system, seed=draw.randrange(2**32)) as flow:
        await asyncio.gather(
            *(
                _die_at_each(system, name, points, random.Random(draw.randrange(2**32)))
                for name, points in CRASH_POINTS.items()
            )
        )
    await check_invariants(system, flow)


async def _die_at_each(
    system: System, name: str, points: Sequence[str], draw: random.Random
) -> None:
    container = system.containers[name]
    for point in points:
        await container.remake({"CRASH_AT": f"{point}:{draw.randint(1, CRASH_PASS_MAX)}"})
        async with asyncio.timeout(CRASH_LIMIT_S):
            code = await container.ended()
        assert code == 137, f"{name} ended with {code} at {point}, not by SIGKILL"
        TALLY.harms["crashed"] += 1
        await container.remake()
    await system.ready(name)
