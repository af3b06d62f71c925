"""A program's tasks: run side by side, live and die together, and wait no longer than they must."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Final

from postbox.wait_for import wait_for

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


async def until_stopped(stop: asyncio.Event, *parts: Awaitable[None]) -> None:
    """Run a program's parts side by side until `stop` is set and each has returned.

    A part that raises ends all the others, and the program with them.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(_as_coroutine(part))
    except BaseExceptionGroup as group_error:
        raise group_error.exceptions[0] from group_error


async def _as_coroutine(part: Awaitable[None]) -> None:
    await part


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait, but no longer than until `stop` is set; True if it is."""
    try:
        await wait_for(stop.wait(), seconds)
    except TimeoutError:
        return stop.is_set()
    return True


def waits_at(task: asyncio.Task[Any]) -> str:
    """Where a suspended task waits: a line for each coroutine, the outermost first.

    `Task.print_stack` shows the outermost alone.
    """
    lines = [task.get_name()]
    awaited: Any = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        lines += [f"  {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"]
        awaited = awaited.cr_await
    return "\n".join(lines)
