"""Looks until all invariants hold, or until a limit: what then still does not hold is reported."""

import asyncio
from collections.abc import Collection
from time import monotonic
from typing import Final

from scenarios.checker.judge import judge
from scenarios.checker.report import Report
from scenarios.checker.snapshot import Letters, read
from scenarios.clients.connections import Connections, connect
from stack.info import Info
from stack.running import RunningStack

SETTLE_S: Final = 30.0
POLL_EVERY_S: Final = 0.1


async def check(
    stack: RunningStack | Info,
    intents: Collection[str] | None = None,
    injected_poison: Collection[str] = frozenset(),
    settle_s: float = SETTLE_S,
) -> Report:
    """Judge the whole system, or some intents of it, as soon as it has come to rest.

    `injected_poison` are the ids of messages that were meant to be set aside. A system that has not
    come to rest after `settle_s` is reported as it then is.
    """
    async with connect(stack if isinstance(stack, Info) else stack.info) as connections:
        return await check_through(
            connections, intents=intents, injected_poison=injected_poison, settle_s=settle_s
        )


async def check_through(
    connections: Connections,
    *,
    intents: Collection[str] | None = None,
    injected_poison: Collection[str] = frozenset(),
    settle_s: float = SETTLE_S,
) -> Report:
    """The same over connections that are open."""
    began = monotonic()
    letters = Letters()
    while True:
        snapshot = await read(
            connections, intents=intents, injected_poison=injected_poison, letters=letters
        )
        report = Report(
            violations=judge(snapshot),
            bookings=len(snapshot.bookings),
            events=len(snapshot.outbox),
            seconds=monotonic() - began,
        )
        if report.ok or report.seconds > settle_s:
            return report
        await asyncio.sleep(POLL_EVERY_S)
