"""Goal: the same invariants where there is too much to exhaust.

Method: random walks, by seed, through worlds with three rival intents, unequal payments of every
kind, captures and crashes, to their very end; every state at rest on the way is checked.
"""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.booking.rules.state import BookingState
from tests.model.invariants import Invariants
from tests.model.scenario import AskedCapture, Scenario, charge, intent, slot
from tests.model.system import System

STEPS_MAX = 1_000

amounts = st.sampled_from((5_000, 5_000, 4_999))
names = st.sampled_from(("ada", "bob", "eve"))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    intents = draw(st.lists(names, unique=True, max_size=3))
    slots = st.one_of(st.none(), st.builds(slot, st.integers(0, 3), st.integers(1, 3)))
    payers = draw(st.lists(st.tuples(names, amounts), max_size=5))
    cards = draw(st.lists(st.tuples(names, st.booleans()), max_size=2, unique_by=lambda c: c[0]))
    return Scenario(
        name="random",
        intents=tuple(intent(name, slot=draw(slots)) for name in intents),
        charges=tuple(
            charge(f"payment-{j}", name, amount=amount) for j, (name, amount) in enumerate(payers)
        ),
        captures=tuple(
            AskedCapture(
                capture_id=f"capture-{k}",
                charge=charge(f"card-{k}", name),
                may_decline=True,
                webhook=webhook,
            )
            for k, (name, webhook) in enumerate(cards)
        ),
        cancels=tuple(draw(st.lists(names, unique=True, max_size=2))),
        inbox=draw(st.booleans()),
        losses=draw(st.integers(0, 3)),
        gateway=True,
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenario=scenarios(), random=st.randoms(use_true_random=False))
def test_every_walk_ends_at_rest_with_the_invariants_kept(
    scenario: Scenario, random: Random
) -> None:
    system = System(scenario)
    invariants = Invariants(system)
    state = system.start()
    for _ in range(STEPS_MAX):
        if invariants.at_rest(state):
            invariants.check(state)
        steps = list(system.steps(state))
        if not steps:
            break
        _, state = random.choice(steps)
    assert invariants.at_rest(state), "a walk that nothing continues has not come to rest"


@settings(max_examples=100, deadline=None)
@given(quanta=st.integers(1, 4), cards=st.booleans(), random=st.randoms(use_true_random=False))
def test_one_equal_payment_is_confirmed_in_every_walk(
    quanta: int, cards: bool, random: Random
) -> None:
    paid = charge("payment", "ada")
    scenario = Scenario(
        name="confluent",
        intents=(intent("ada", slot=slot(0, quanta)),),
        charges=() if cards else (paid,),
        captures=(AskedCapture(capture_id="capture", charge=paid),) if cards else (),
        deadlines=False,
        losses=3,
        gateway=True,
        always=BookingState.CONFIRMED,
    )
    system = System(scenario)
    invariants = Invariants(system)
    state = system.start()
    while steps := list(system.steps(state)):
        _, state = random.choice(steps)
        if invariants.at_rest(state):
            invariants.check(state)
    assert invariants.at_rest(state)
