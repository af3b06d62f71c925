"""The system in containers under the handle of the embedded stack: stories run on it unchanged."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stack.errors import StackError
from stack.info import Info
from stack.running import RunningStack
from tests.integration.container import PID_FIELD
from tests.integration.run_counts import TALLY
from tests.integration.system import System

NOTICED_EVERY_S: Final = 0.1
PARTS: Final = ("gateway", "booking", "payment", "relay", "provider", "mongo", "rabbitmq")


class ContainerStack(RunningStack):
    """Use it as a context: it keeps `info` up to date, and starts again what dies by itself."""

    def __init__(self, system: System) -> None:
        super().__init__(Path())
        self._system = system
        self._info: Info | None = None
        self._held: set[str] = set()
        self._armed: set[str] = set()
        self._turn = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "ContainerStack":
        await self._look()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    @property
    def info(self) -> Info:
        assert self._info is not None, "the context was not entered"
        return self._info

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        async with self._turn:
            await self._system.containers[name].kill(number)
            TALLY.harms["killed"] += 1

    async def hold(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        async with self._turn:
            self._held.add(name)
            container = self._system.containers[name]
            await container.kill(number)
            await container.ended()
            TALLY.harms["killed"] += 1
            await self._look()

    async def release(
        self, name: str, environment: Mapping[str, str] | None = None, *, wait: bool = True
    ) -> None:
        async with self._turn:
            self._held.discard(name)
            if environment:
                await self._system.containers[name].remake(environment)
                self._armed.add(name)
            elif not await self._pid(name):
                await self._system.containers[name].start()
        if wait:
            await self.ready(name)

    async def ready(self, *names: str) -> None:
        for name in names:
            try:
                await self._system.ready(name)
            except AssertionError as error:
                raise StackError(str(error)) from error

    async def lacks(self, name: str) -> str | None:
        return None if await self._system.is_ready(name) else f"{name} is not ready"

    async def _watch(self) -> None:
        while True:
            # In turn: else it might look for a container that is just being made anew.
            async with self._turn:
                await self._look()
                for name in PARTS:
                    if name not in self._held and not await self._pid(name):
                        await self._again(name)
            await asyncio.sleep(NOTICED_EVERY_S)

    async def _again(self, name: str) -> None:
        """An environment was for one run alone: the next one is without."""
        if name in self._armed:
            self._armed.discard(name)
            TALLY.harms["crashed"] += 1
            await self._system.containers[name].remake()
        else:
            await self._system.containers[name].start()

    async def _look(self) -> None:
        info = self._info or await self._system.info()
        changes: dict[str, Any] = {}
        for name in PARTS:
            part = info.part(name)
            changes[name] = part.model_copy(update={"pid": await self._pid(name) or None})
        self._info = info.model_copy(update=changes)

    async def _pid(self, name: str) -> int:
        """0 while it does not run."""
        return int(await self._system.containers[name].inspect(PID_FIELD))
