"""Plays that were begun here: in the audit before they begin, and when they are over."""

import asyncio
from typing import Final

import structlog

from postbox.console.audit.log import AuditLog
from postbox.console.scenarios.player import Answer, Player
from postbox.errors import PostboxError
from postbox.service import Problem

log: Final = structlog.get_logger()
PLACE: Final = "scenarios"
PLAYING: Final = "playing"
WENT_WELL: Final = "went well"
LOOK_EVERY_S: Final = 0.5


class Plays:
    """They go on when the browser is closed."""

    def __init__(self, player: Player, audit: AuditLog) -> None:
        self._player = player
        self._audit = audit
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def done_count(self, id_: str) -> int | None:
        """None where no play of this id is under way."""
        return 0 if id_ in self._tasks else None

    async def begin(self, scenario: str, *, by: str) -> str:
        """Its id, which is the audit's too. Problem 409 where it cannot be played now."""
        places = {PLACE: [scenario]}
        id_ = await self._audit.begin(by=by, action="play", places=places, to=None)
        try:
            refused = await self._player.begin(id_, scenario)
        except Problem as error:
            await self._audit.end(id_, state="failed", done=[[]], problem=_said(error))
            raise
        if refused is not None:
            await self._audit.end(id_, state="failed", done=[[]], problem=refused)
            raise Problem(409, refused)
        self._tasks[id_] = asyncio.create_task(self._follow(id_, scenario))
        return id_

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what is played then goes on, and the audit does not hear of it."""
        await stop.wait()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _follow(self, id_: str, scenario: str) -> None:
        try:
            problem = _problem(await self._over(id_))
            state, done = ("done", [scenario]) if problem is None else ("failed", [])
            await self._audit.end(id_, state=state, done=[done], problem=problem)
        except PostboxError as error:
            log.warning("the audit could not be written", audit_id=id_, reason=str(error))
        finally:
            del self._tasks[id_]

    async def _over(self, id_: str) -> Answer | None:
        """How it ended; None where who plays it does not know it any more, or does not answer."""
        while True:
            try:
                play = await self._player.find(id_)
            except Problem:
                return None
            if play is None or play["state"] != PLAYING:
                return play
            await asyncio.sleep(LOOK_EVERY_S)


def _said(problem: Problem) -> str:
    return str(problem.body.get("detail", problem))


def _problem(play: Answer | None) -> str | None:
    if play is None:
        return "who played it ended before it was over"
    return None if play["state"] == WENT_WELL else "; ".join(play["problems"])
