"""The stories that people run on the embedded stack, told of containers by the same code."""

import pytest

from scenarios.play import Progress, play
from scenarios.registry import SCENARIOS
from tests.integration.stand import ContainerStack
from tests.integration.system import System

CORE = ("trivial", "payment-first", "amount-mismatch", "duplicate-events", "booking-service-down")


@pytest.mark.parametrize("name", CORE)
async def test_a_story_ends_as_it_is_told(system: System, name: str) -> None:
    async with ContainerStack(system) as stack:
        (result,) = await play([SCENARIOS[name]], stack, Progress())
    assert result.ok, "\n".join(result.problems)
