"""The stories that people run on the embedded stack, told of containers by the same code."""

import pytest

from scenarios.registry import SCENARIOS
from scenarios.runner import Progress, run_all
from tests.integration.container_stack import ContainerStack
from tests.integration.system import System

CORE = ("trivial", "payment-first", "amount-mismatch", "duplicate-events", "booking-service-down")


@pytest.mark.parametrize("name", CORE)
async def test_a_story_ends_as_it_is_reported(system: System, name: str) -> None:
    async with ContainerStack(system) as stack:
        (result,) = await run_all([SCENARIOS[name]], stack, Progress())
    assert result.ok, "\n".join(result.problems)
