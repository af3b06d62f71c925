"""Waiting for what must come to be true, up to a limit; never a bare sleep."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")
LIMIT_S = 60.0
POLL_EVERY_S = 0.02


async def eventually(
    look: Callable[[], Awaitable[T]], *, limit_s: float = LIMIT_S, every_s: float = POLL_EVERY_S
) -> T:
    """The first truthy value that `look` gives. An AssertionError in it means: not yet.

    At the limit the last failure is raised, so that a test says what was still missing.
    """
    until = monotonic() + limit_s
    while True:
        try:
            found = await look()
        except AssertionError:
            if monotonic() > until:
                raise
        else:
            if found:
                return found
            assert monotonic() < until, f"not so within {limit_s} s: last seen {found!r}"
        await asyncio.sleep(every_s)
