"""Plays scenarios on a running stack: the calm ones together, those that kill one by one."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import aiormq
import httpx
from pymongo.errors import PyMongoError

from booking_client import BookingClientError
from scenarios.checker.check import check_through
from scenarios.clients.connections import Connections, connect
from scenarios.context import StoryContext
from scenarios.outcome import Outcome
from scenarios.registry import Scenario
from scenarios.waiting import Broken, eventually
from stack.errors import EmbeddedError
from stack.running import RunningStack

CHECK_LIMIT_S: Final = 15.0
# What a system that does not work answers with. Anything else is a mistake in the story.
FAILURES: Final = (
    Broken,
    BookingClientError,
    httpx.HTTPError,
    EmbeddedError,
    PyMongoError,
    aiormq.AMQPError,
    OSError,
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a scenario went. `outcomes` are its bookings as they were seen last."""

    scenario: str
    happened: str
    outcomes: Mapping[str, Outcome]
    problems: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def state(self) -> str:
        """Of all its bookings, in words."""
        states = Counter(outcome.words for outcome in self.outcomes.values())
        if len(self.outcomes) == 1:
            return next(iter(states))
        return ", ".join(f"{count} {state}" for state, count in states.items())

    @property
    def money(self) -> dict[str, int]:
        """Of all its bookings, in minor units."""
        moved = Counter[str]()
        for outcome in self.outcomes.values():
            moved.update(outcome.money)
        names = ("captured", "refunded", "charged_back", "kept")
        return {name: moved[name] for name in names if name != "charged_back" or name in moved}

    def to_json(self) -> dict[str, Any]:
        """For programs: of all its bookings together, then of each."""
        seen = self.outcomes.values()
        return {
            "scenario": self.scenario,
            "ok": self.ok,
            "happened": self.happened,
            "state": self.state,
            "events": dict(Counter(event for outcome in seen for event in outcome.events)),
            "money": self.money,
            "seconds": round(self.seconds, 3),
            "problems": list(self.problems),
            "bookings": {
                intent_id: {
                    "state": outcome.state,
                    "reason": outcome.reason,
                    "events": list(outcome.events),
                    "money": outcome.money,
                }
                for intent_id, outcome in self.outcomes.items()
            },
        }


@dataclass
class Progress:
    """Told as scenarios begin and end."""

    begun: Callable[[str], None] = field(default=lambda name: None)
    ended: Callable[[Result], None] = field(default=lambda result: None)


async def run_all(
    scenarios: Collection[Scenario], stack: RunningStack, progress: Progress
) -> list[Result]:
    """The results, in the order of `scenarios`."""
    results: dict[str, Result] = {}
    async with connect(stack.info) as connections:

        async def one(scenario: Scenario) -> None:
            progress.begun(scenario.name)
            results[scenario.name] = await run_one(scenario, stack, connections)
            progress.ended(results[scenario.name])

        async with asyncio.TaskGroup() as together:
            for scenario in scenarios:
                if not scenario.alone:
                    together.create_task(one(scenario))
        for scenario in scenarios:
            if scenario.alone:
                await one(scenario)
    return [results[scenario.name] for scenario in scenarios]


async def run_one(
    scenario: Scenario,
    stack: RunningStack,
    connections: Connections,
    *,
    booked: Callable[[str], None] = lambda intent_id: None,
) -> Result:
    """Tell the story, wait for its outcomes, check the invariants for its bookings, look again.

    `booked` gets the name of each intent as the story thinks of it.
    """
    began = monotonic()
    context = StoryContext(scenario.name, stack, connections, booked=booked)
    happened, seen, problems = "", dict[str, Outcome](), list[str]()
    try:
        async with context.afterwards:
            happened = await scenario.run(context)
            await _settled(context)
            report = await check_through(
                connections,
                intents=context.outcomes.keys(),
                injected_poison=context.poison,
                settle_s=CHECK_LIMIT_S,
            )
            problems += report.sentences
    except FAILURES as error:
        problems.append(str(error) or type(error).__name__)
    try:
        seen = await context.look()
    except FAILURES as error:
        problems.append(str(error) or type(error).__name__)
    else:
        problems += context.differences(seen) if happened else []
    return Result(
        scenario=scenario.name,
        happened=happened,
        outcomes=seen,
        problems=tuple(problems),
        seconds=monotonic() - began,
    )


async def _settled(context: StoryContext) -> None:
    """Wait until every booking has the expected outcome. Raises `Broken` with what is different."""
    differences: list[str] = []

    async def as_told() -> bool:
        differences[:] = context.differences(await context.look())
        return not differences

    try:
        await eventually(as_told, for_what="the outcomes")
    except Broken:
        return  # what is different is seen in the last look
