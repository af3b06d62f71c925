"""Stories under way and over: one at a time is played, and the newest are remembered."""

import asyncio
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from scenarios.clients.connections import connect
from scenarios.context import TIME_LIMIT_MAX_S
from scenarios.registry import SCENARIOS, Scenario
from scenarios.runner import FAILURES, run_one
from stack.running import RunningStack

PLAYS_MAX: Final = 100
DEADLINE: Final = "PAYMENT_TIMEOUT_S"
"""The stack's programs have it, where it is set, and this one with them."""
PLAYING: Final = "playing"
WENT_WELL: Final = "went well"
FAILED: Final = "failed"


class Busy(Exception):
    """Another story is being played, whose name this is."""


@dataclass(kw_only=True)
class Play:
    """One playing of a story. `subjects` are its bookings, from the moment they are thought of."""

    scenario: Scenario
    state: str = PLAYING
    happened: str = ""
    problems: tuple[str, ...] = ()
    subjects: list[str] = field(default_factory=list)

    @property
    def document(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario.name,
            "about": self.scenario.about,
            "state": self.state,
            "happened": self.happened,
            "problems": self.problems,
            "subjects": self.subjects,
        }


class Plays:
    """All of them on one stack, by the ids that who asked for them gave."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._plays: OrderedDict[str, Play] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def find(self, id_: str) -> Play | None:
        return self._plays.get(id_)

    def begin(self, id_: str, scenario: Scenario) -> Play:
        """The play of this id, begun unless it was before. Raises Busy."""
        if id_ in self._plays:
            return self._plays[id_]
        for other in self._plays.values():
            if other.state == PLAYING:
                raise Busy(other.scenario.name)
        play = self._plays[id_] = Play(scenario=scenario)
        if len(self._plays) > PLAYS_MAX:
            self._plays.popitem(last=False)
        self._task = asyncio.create_task(self._run(play), name=scenario.name)
        return play

    async def end(self) -> None:
        """Break off what is played; what the story has held down is released."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self, play: Play) -> None:
        state = FAILED
        problems: tuple[str, ...] = ("it was broken off",)
        try:
            async with connect(self._stack.info) as connections:
                result = await run_one(
                    play.scenario, self._stack, connections, booked=play.subjects.append
                )
            play.happened, problems = result.happened, result.problems
            state = WENT_WELL if result.ok else FAILED
        except FAILURES as error:
            problems = (str(error) or type(error).__name__,)
        finally:
            play.state, play.problems = state, problems


def listed() -> list[dict[str, Any]]:
    """Every story; `lacks` says why one cannot be played on this stack, or is None."""
    return [
        {"name": one.name, "about": one.about, "kills": one.alone, "lacks": _lacks(one)}
        for one in SCENARIOS.values()
    ]


def _lacks(scenario: Scenario) -> str | None:
    if scenario.waits and float(os.environ.get(DEADLINE) or "inf") > TIME_LIMIT_MAX_S:
        return f"it waits for a deadline, and needs `{DEADLINE}=5 make up`"
    return None
