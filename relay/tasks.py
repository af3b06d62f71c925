"""Tasks that live and die together."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

AGAIN_AFTER_S: Final = 3.0
"""Longer than closing a connection may take, which a second cancellation would interrupt."""


async def together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all side by side until the first one ends; cancel the others; raise what it raised.

    Unlike a TaskGroup it raises that exception itself, so that `except` can go by its type.
    """
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await first_of(*tasks)
    finally:
        await cancelled(*tasks)


async def everyone(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all side by side until each has returned; where one raises, cancel the others."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        await cancelled(*tasks)


async def first_of(*tasks: asyncio.Future[None]) -> None:
    """Wait until one has ended, and raise what it raised; the others go on."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    errors = [error for task in done if (error := task.exception()) is not None]
    if errors:
        raise errors[0]


async def cancelled(*tasks: asyncio.Future[None]) -> None:
    """Cancel tasks and wait until they have ended; what they raise on the way is dropped.

    The libraries beneath lose a cancellation now and then: one that did not end is cancelled again.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_AFTER_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()
