"""Goal: whatever the order, the repeats and the crashes, nobody is charged for nothing.

Method: every state of these small worlds is visited. The counts are floors: a scenario that shrinks
below its own has stopped to check what it was made for.
"""

import pytest

from services.booking.rules.state import BookingState
from tests.model.explore import explore
from tests.model.scenario import AskedCapture, Scenario, charge, intent, slot

ADA = intent("ada", slot=slot(0))
BOB = intent("bob", slot=slot(1))  # its first quarter-hour is the last of Ada's
CARD = AskedCapture(capture_id="capture", charge=charge("card", "ada"), may_decline=True)
CARD_WITHOUT_WEBHOOK = AskedCapture(
    capture_id="capture", charge=charge("card", "ada"), may_decline=True, webhook=False
)
SURE_CARD = AskedCapture(capture_id="capture", charge=charge("card", "ada"))

SCENARIOS = (
    Scenario(
        name="one intent and one equal payment are confirmed in every order",
        intents=(ADA,),
        charges=(charge("equal", "ada"),),
        deadlines=False,
        gateway=True,
        always=BookingState.CONFIRMED,
        states_min=200,
    ),
    Scenario(
        name="a capture that is asked for and not declined is confirmed in every order",
        intents=(ADA,),
        captures=(SURE_CARD,),
        deadlines=False,
        losses=2,
        gateway=True,
        always=BookingState.CONFIRMED,
        states_min=10_000,
    ),
    Scenario(
        name="a payment, a cancellation and the deadlines, with the gateway",
        intents=(ADA,),
        charges=(charge("equal", "ada"),),
        cancels=("ada",),
        losses=1,
        gateway=True,
        states_min=200_000,
    ),
    Scenario(
        name="two payments, one unequal, and a cancellation",
        intents=(ADA,),
        charges=(charge("equal", "ada"), charge("unequal", "ada", amount=4_000)),
        cancels=("ada",),
        states_min=120_000,
    ),
    Scenario(
        name="a capture that crashes after success or is declined, and a cancellation",
        intents=(ADA,),
        captures=(CARD,),
        cancels=("ada",),
        losses=1,
        states_min=95_000,
    ),
    Scenario(
        name="a capture whose webhook is lost, and a second payment",
        intents=(ADA,),
        charges=(charge("second", "ada"),),
        captures=(CARD_WITHOUT_WEBHOOK,),
        losses=1,
        states_min=350_000,
    ),
    Scenario(
        name="two payments whose intent never comes",
        intents=(),
        charges=(charge("first", "ada"), charge("second", "ada")),
        gateway=True,
        states_min=30_000,
    ),
    Scenario(
        name="two intents for one slot, both paid",
        intents=(ADA, BOB),
        charges=(charge("ada-pays", "ada"), charge("bob-pays", "bob")),
        states_min=190_000,
    ),
    Scenario(
        name="two intents for one slot, three payments, a cancellation, crashes; with an inbox",
        intents=(ADA, BOB),
        charges=(charge("ada-pays", "ada"), charge("bob-pays", "bob"), charge("late", "ada")),
        cancels=("ada",),
        inbox=True,
        losses=1,
        states_min=330_000,
    ),
    Scenario(
        name="two intents for one slot, a capture, a cancellation, crashes; with an inbox",
        intents=(ADA, BOB),
        charges=(charge("bob-pays", "bob"),),
        captures=(CARD,),
        cancels=("ada",),
        inbox=True,
        losses=1,
        states_min=150_000,
    ),
)


@pytest.mark.fault(15, "every order and repeat")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_state_at_rest_keeps_the_invariants(
    scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    report = explore(scenario)
    with capsys.disabled():
        print(f"\n  {report}")
    assert report.at_rest > 0
    assert report.states >= scenario.states_min


def test_the_scenarios_together_are_hundreds_of_thousands_of_states() -> None:
    assert sum(scenario.states_min for scenario in SCENARIOS) >= 1_000_000
