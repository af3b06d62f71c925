"""Keeps one program alive, like `restart: always`.

Guarantees: a program that dies is started again at once, and ever more slowly (to a bound) when it
keeps dying young; one that is held stays down until it is released.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from postbox.embedded import Process, Program, until_ready

YOUNG_S: Final = 2.0
BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
# So many starts without ever being ready mean that it cannot start.
STARTS_MAX: Final = 4


class Keeper:
    """`changed` is called whenever the process id is another one, or none."""

    def __init__(
        self, program: Program, log: Path, *, held: bool, changed: Callable[[], None]
    ) -> None:
        self.name = program.name
        self._process = Process(program, log)
        self._changed = changed
        self._wanted = asyncio.Event()
        if not held:
            self._wanted.set()
        self._starts = 0
        self._task: asyncio.Task[None] | None = None
        self._ended_by_us = False
        self._next_environment: Mapping[str, str] = {}
        # A hold must not slip in between the decision to start and the start.
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def begin(self) -> asyncio.Task[None]:
        """Starts keeping. The task lasts until `end`, or raises why the program cannot start."""
        self._task = asyncio.create_task(self._run(), name=f"keeper of {self.name}")
        return self._task

    async def _run(self) -> None:
        died_young = 0
        while True:
            await self._wanted.wait()
            began = time.monotonic()
            if not await self._start():
                continue
            await self._process.exited()
            if self._ended_by_us:
                died_young = 0
                continue
            died_young = died_young + 1 if time.monotonic() - began < YOUNG_S else 0
            if died_young:
                self._changed()
                await asyncio.sleep(min(BACKOFF_FIRST_S * 2 ** (died_young - 1), BACKOFF_MAX_S))

    async def _start(self) -> bool:
        async with self._turn:
            if not self._wanted.is_set():
                return False
            environment, self._next_environment = self._next_environment, {}
            self._ended_by_us = False
            await self._process.start(environment)
            self._starts += 1
        self._changed()
        return True

    async def ready(self) -> None:
        """Waits until it can work; raises `NotReady` if it is held, keeps dying or is late."""
        starts = self._starts

        def hopeless() -> bool:
            broken = self._task is None or self._task.done()
            return broken or not self._wanted.is_set() or self._starts - starts >= STARTS_MAX

        await until_ready(self._process, hopeless=hopeless)

    async def lacks(self) -> str | None:
        return await self._process.lacks()

    async def kill(self, number: signal.Signals) -> None:
        """Sends a signal and leaves the rest to fate; after SIGKILL, returns when it is dead."""
        self._process.send(number)
        if number is signal.SIGKILL:
            await self._process.exited()

    async def hold(self, number: signal.Signals) -> None:
        """Ends it with this signal and keeps it down."""
        self._wanted.clear()
        async with self._turn:
            self._ended_by_us = True
            await self._process.stop(number)
        self._changed()

    def release(self, environment: Mapping[str, str]) -> None:
        """Lets it run again; `environment` is for its next run alone, not for one after a crash."""
        self._next_environment = environment
        self._wanted.set()

    async def end(self) -> None:
        """Stops the program, then the keeping. Raises what went wrong with the keeping itself."""
        self._wanted.clear()
        async with self._turn:
            await self._process.stop()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
