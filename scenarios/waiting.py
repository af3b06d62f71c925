"""Waiting for what must come to be true, up to a limit; never a bare sleep."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

T = TypeVar("T")
LIMIT_S: Final = 30.0
POLL_MIN_S: Final = 0.02
POLL_MAX_S: Final = 0.3


class Broken(Exception):
    """The system did not do what the story says; the message says what was seen instead."""


async def eventually(
    look: Callable[[], Awaitable[T | None]], *, for_what: str, limit_s: float = LIMIT_S
) -> T:
    """The first value but None and False that `look` gives. Raises `Broken` at the limit.

    It looks ever more seldom, so that many who wait do not keep the system busy.
    """
    until = monotonic() + limit_s
    pause_s = POLL_MIN_S
    while True:
        found = await look()
        if found is not None and found is not False:
            return found
        if monotonic() > until:
            raise Broken(f"waited {limit_s:.0f} s in vain for {for_what}")
        await asyncio.sleep(pause_s)
        pause_s = min(1.5 * pause_s, POLL_MAX_S)
