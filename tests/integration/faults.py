"""The harms that a container can suffer, each with its cure; and the judgement afterwards."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from scenarios.checker import check
from scenarios.clients.connections import connect
from tests.integration.container import Container
from tests.integration.flow import Flow
from tests.integration.run_counts import TALLY
from tests.integration.system import System
from tests.integration.traces import torn_traces

SETTLE_S: Final = 60.0
MOMENT_MAX_S: Final = 1.0
DOWN_MAX_S: Final = 1.5

Act = Callable[[Container], Awaitable[None]]
HARMS: Final[Mapping[str, tuple[Act, Act]]] = {
    "killed": (Container.kill, Container.start),
    "stopped": (Container.stop, Container.start),
    "paused": (Container.pause, Container.unpause),
    "cut off": (Container.cut_off, Container.reconnect),
}


async def inject(system: System, name: str, how: str, draw: random.Random) -> None:
    """Harms the container at a drawn moment, for a drawn while, and waits until it can work."""
    harm, cure = HARMS[how]
    container = system.containers[name]
    await asyncio.sleep(draw.uniform(0, MOMENT_MAX_S))
    await harm(container)
    TALLY.harms[how] += 1
    await asyncio.sleep(draw.uniform(0, DOWN_MAX_S))
    await cure(container)
    await system.ready(name)


async def check_invariants(system: System, flow: Flow, poison: Collection[str] = ()) -> None:
    """I1 to I9 over everything that ever happened on this system."""
    for name in (*system.brokers, *system.programs):
        await system.ready(name)
    info = await system.info()
    report = await check(info, injected_poison=poison, settle_s=SETTLE_S)
    assert report.ok, f"seed {flow.seed}:\n{report}"
    async with connect(info) as connections:
        torn = await torn_traces(connections.mongo, flow.intents)
    assert not torn, f"I9, seed {flow.seed}: {torn[:5]}"
    assert flow.intents, "nothing flowed"
    TALLY.bookings += len(flow.intents)
    TALLY.events += report.events
