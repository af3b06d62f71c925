"""Every state that a world can reach, breadth first, so that what goes wrong is told shortest."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from tests.model.invariants import Invariants
from tests.model.layout import State
from tests.model.scenario import Scenario
from tests.model.system import Cores, System, Violation

STATES_MAX: Final = 1_500_000  # of one scenario; one that has more is no exhaustive check


@dataclass(frozen=True, kw_only=True)
class Report:
    """How much was explored."""

    name: str
    states: int
    steps: int
    at_rest: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.states:,} states, {self.steps:,} steps, "
            f"{self.at_rest:,} at rest, {self.seconds:.1f} s"
        )


def explore(scenario: Scenario, cores: Cores | None = None) -> Report:
    """Explore all of `scenario`; raises Violation, which tells the way to it."""
    with _uncollected():
        return _explore(scenario, cores)


@contextmanager
def _uncollected() -> Iterator[None]:
    """States hold no cycles; to look for some in all of them takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _explore(scenario: Scenario, cores: Cores | None) -> Report:
    began = perf_counter()
    system = System(scenario, cores)
    invariants = Invariants(system)
    start = system.start()
    parents: dict[State, State | None] = {start: None}
    frontier = deque([start])
    steps = at_rest = 0
    while frontier:
        state = frontier.popleft()
        try:
            if invariants.at_rest(state):
                at_rest += 1
                invariants.check(state)
            for _, after in system.steps(state):
                steps += 1
                if after not in parents:
                    parents[after] = state
                    frontier.append(after)
        except Violation as violation:
            raise Violation(f"{violation}\n{_way(system, parents, state)}") from violation
        assert len(parents) <= STATES_MAX, f"{scenario.name} is too large to exhaust"
    return Report(
        name=scenario.name,
        states=len(parents),
        steps=steps,
        at_rest=at_rest,
        seconds=perf_counter() - began,
    )


def _way(system: System, parents: dict[State, State | None], state: State) -> str:
    """The steps from the start to `state`, one a line."""
    labels: list[str] = []
    while (parent := parents[state]) is not None:
        labels.append(next(label for label, after in system.steps(parent) if after == state))
        state = parent
    return (
        "\n".join(f"  {system.reported(label)}" for label in reversed(labels)) or "  (at the start)"
    )
