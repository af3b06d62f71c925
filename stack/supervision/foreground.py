"""A stack that lasts as long as this process: until Ctrl-C, SIGTERM, or the end of a command."""

import asyncio
import os
import signal
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from stack.display import Progress, show
from stack.embedded import Stack
from stack.layout import PROGRAMS

EXIT_INTERRUPTED: Final = 130


def keep_up(directory: Path, console: Console) -> int:
    """Keeps a stack up until it is asked to end; the exit code."""

    async def main() -> int:
        began = time.monotonic()
        with Progress(console, PROGRAMS) as progress:
            stack = await Stack(directory, programs=PROGRAMS, report=progress.ready).__aenter__()
        try:
            console.print(f"Postbox is up after {time.monotonic() - began:.1f} s.\n")
            show(console, stack)
            console.print("\nCtrl-C ends it.")
            await stack.last()
        finally:
            console.print("ending ...")
            await stack.__aexit__(None, None, None)
            console.print("Nothing is left running; the data is kept.")
        return 0

    return _run(main(), when_stopped=0)


def around(command: Sequence[str], directory: Path, console: Console) -> int:
    """Brings a stack up for one command; the command's exit code."""

    async def main() -> int:
        with Progress(console) as progress:
            stack = await Stack(directory, report=progress.ready).__aenter__()
        try:
            return await _call(command, {"STACK_JSON": str(stack.layout.info)})
        finally:
            await stack.__aexit__(None, None, None)

    return _run(main(), when_stopped=EXIT_INTERRUPTED)


async def _call(command: Sequence[str], environment: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **environment})
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _run(main: Coroutine[Any, Any, int], *, when_stopped: int) -> int:
    """Runs it; Ctrl-C, SIGTERM and a closed terminal cancel it, so that it cleans up and ends."""

    async def cancellable() -> int:
        task = asyncio.ensure_future(main)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return when_stopped

    return asyncio.run(cancellable())
