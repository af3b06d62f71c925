"""What every measurement works on: one private stack, a size, and where to report."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from bench.errors import BenchFailed
from bench.scale import Scale
from postbox.mongo import Client
from stack.running import RunningStack

POLL_S: Final = 0.02

Figures = dict[str, float]
"""What was measured, by key, such as "relay.events_per_s"."""


Report = Callable[[str], None]
"""Called with what is measured next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    stack: RunningStack
    client: Client
    scale: Scale
    say: Report

    def database_uri(self, name: str) -> str:
        """The URI with a database in its path."""
        return self.stack.info.mongo.uri.replace("/?", f"/{name}?")

    def pids(self, *names: str) -> dict[str, int]:
        """The process ids of these programs, which have to run."""
        info = self.stack.info
        found = {name: info.pid(name) for name in names}
        if dead := [name for name, pid in found.items() if pid is None]:
            raise BenchFailed(f"not running: {', '.join(dead)}")
        return {name: pid for name, pid in found.items() if pid is not None}


Measurement = Callable[[Workbench], Awaitable[Figures]]


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, *, limit_s: float, poll_s: float = POLL_S
) -> None:
    """Wait until `condition` holds. BenchFailed names `what` was awaited for too long."""
    end_s = monotonic() + limit_s
    while not await condition():
        if monotonic() > end_s:
            raise BenchFailed(f"waited over {limit_s:.0f} s for {what}")
        await asyncio.sleep(poll_s)
