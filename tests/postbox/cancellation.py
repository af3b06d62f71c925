"""Whether a cancellation is heeded at whatever moment it comes."""

import asyncio
from collections.abc import Awaitable, Callable


async def turns_of_lost_cancellations(
    operation: Callable[[], Awaitable[object]], *, turns: int, times: int
) -> list[int]:
    """Cancel `operation` after each number of turns of the event loop below `turns`, each `times`;
    after how many it went on as if nothing had been said."""
    lost: list[int] = []
    for turn in [*range(turns)] * times:
        task = asyncio.ensure_future(operation())
        for _ in range(turn):
            await asyncio.sleep(0)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                lost.append(turn)
    return lost
