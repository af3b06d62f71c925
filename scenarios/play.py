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

from scenarios.checker.check import check_through
from scenarios.connections import Connections, connect
from scenarios.ending import Ending
from scenarios.registry import Scenario
from scenarios.stage import Stage
from scenarios.waiting import Broken, eventually
from stack.errors import StackError
from stack.running import RunningStack

CHECK_LIMIT_S: Final = 15.0
# What a system that does not work answers with. Anything else is a mistake in the story.
FAILURES: Final = (Broken, httpx.HTTPError, StackError, PyMongoError, aiormq.AMQPError, OSError)


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a scenario went. `endings` are its bookings as they were seen last."""

    scenario: str
    happened: str
    endings: Mapping[str, Ending]
    problems: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def state(self) -> str:
        """Of all its bookings, in words."""
        states = Counter(ending.words for ending in self.endings.values())
        if len(self.endings) == 1:
            return next(iter(states))
        return ", ".join(f"{count} {state}" for state, count in states.items())

    @property
    def money(self) -> dict[str, int]:
        """Of all its bookings, in minor units."""
        moved = Counter[str]()
        for ending in self.endings.values():
            moved.update(ending.money)
        return {name: moved[name] for name in ("captured", "refunded", "kept")}

    def to_json(self) -> dict[str, Any]:
        """For programs: of all its bookings together, then of each."""
        seen = self.endings.values()
        return {
            "scenario": self.scenario,
            "ok": self.ok,
            "happened": self.happened,
            "state": self.state,
            "events": dict(Counter(event for ending in seen for event in ending.events)),
            "money": self.money,
            "seconds": round(self.seconds, 3),
            "problems": list(self.problems),
            "bookings": {
                intent_id: {
                    "state": ending.state,
                    "reason": ending.reason,
                    "events": list(ending.events),
                    "money": ending.money,
                }
                for intent_id, ending in self.endings.items()
            },
        }


@dataclass
class Progress:
    """Told as scenarios begin and end."""

    begun: Callable[[str], None] = field(default=lambda name: None)
    ended: Callable[[Result], None] = field(default=lambda result: None)


async def play(
    scenarios: Collection[Scenario], stack: RunningStack, progress: Progress
) -> list[Result]:
    """The results, in the order of `scenarios`."""
    results: dict[str, Result] = {}
    async with connect(stack.info) as connections:

        async def one(scenario: Scenario) -> None:
            progress.begun(scenario.name)
            results[scenario.name] = await perform(scenario, stack, connections)
            progress.ended(results[scenario.name])

        async with asyncio.TaskGroup() as together:
            for scenario in scenarios:
                if not scenario.alone:
                    together.create_task(one(scenario))
        for scenario in scenarios:
            if scenario.alone:
                await one(scenario)
    return [results[scenario.name] for scenario in scenarios]


async def perform(scenario: Scenario, stack: RunningStack, connections: Connections) -> Result:
    """Tell the story, wait for its endings, check the invariants for its bookings, look again."""
    began = monotonic()
    stage = Stage(scenario.name, stack, connections)
    happened, seen, problems = "", dict[str, Ending](), list[str]()
    try:
        async with stage.afterwards:
            happened = await scenario.tell(stage)
            await _settled(stage)
            report = await check_through(
                connections,
                intents=stage.endings.keys(),
                injected_poison=stage.poison,
                settle_s=CHECK_LIMIT_S,
            )
            problems += report.sentences
    except FAILURES as error:
        problems.append(str(error) or type(error).__name__)
    try:
        seen = await stage.look()
    except FAILURES as error:
        problems.append(str(error) or type(error).__name__)
    else:
        problems += stage.differences(seen) if happened else []
    return Result(
        scenario=scenario.name,
        happened=happened,
        endings=seen,
        problems=tuple(problems),
        seconds=monotonic() - began,
    )


async def _settled(stage: Stage) -> None:
    """Wait until every booking has ended as told. Raises `Broken` with what is different."""
    differences: list[str] = []

    async def as_told() -> bool:
        differences[:] = stage.differences(await stage.look())
        return not differences

    try:
        await eventually(as_told, for_what="the endings")
    except Broken:
        return  # what is different is seen in the last look
