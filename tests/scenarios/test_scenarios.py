"""Every story on real servers, with its bookings' invariants; then the whole system's."""

import pytest

from scenarios.checker import check
from scenarios.registry import SCENARIOS
from tests.scenarios.conftest import Played

# The first test of all pays for the playing of every story.
pytestmark = pytest.mark.timeout(300)


@pytest.mark.fault(19, "late-payment, refund-retry, second-payment, cancel-after-confirm")
@pytest.mark.fault(26, "lost-webhook")
@pytest.mark.fault(27, "late-paid-backlog")
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(played: Played, name: str) -> None:
    assert played.results[name].problems == ()


async def test_every_invariant_holds_over_all_of_it(played: Played) -> None:
    report = await check(played.stack)
    assert report.ok, str(report)
    assert report.bookings >= len(SCENARIOS)
