"""A stack that runs, as seen from any process: where things are, and how to hurt them.

Everything goes through stack.json and the supervisor's socket, so that a scenario against `make up`
and a test with a stack of its own use the same handle.
"""

import signal
from collections.abc import Mapping
from pathlib import Path

from stack.info import Info
from stack.layout import Layout
from stack.supervision import control


class RunningStack:
    """`directory` is the one that holds stack.json. Names: mongo, epmd, rabbitmq, provider,
    gateway, booking, payment, relay, scenarios, console."""

    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory.resolve())

    @property
    def info(self) -> Info:
        """What runs now. Raises `NotRunning`."""
        return Info.read(self.layout.info)

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal. A program that dies of it is started again; see `ready`."""
        await self._ask(control.Request(action="kill", name=name, number=number))

    async def hold(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends the program with this signal and keeps it down until it is released."""
        await self._ask(control.Request(action="hold", name=name, number=number))

    async def release(
        self, name: str, environment: Mapping[str, str] | None = None, *, wait: bool = True
    ) -> None:
        """Starts a held program and waits until it is ready.

        `environment` (a crash point, say) is for this run of it alone: after a crash it is started
        without.
        """
        given = dict(environment or {})
        await self._ask(control.Request(action="release", name=name, environment=given))
        if wait:
            await self.ready(name)

    async def restart(
        self, name: str, environment: Mapping[str, str] | None = None, *, wait: bool = True
    ) -> None:
        """Ends the program with SIGTERM and starts it anew; see `release`."""
        await self.hold(name, signal.SIGTERM)
        await self.release(name, environment, wait=wait)

    async def ready(self, *names: str) -> None:
        """Waits until these programs can do their work. Raises `StackError` with the log's end."""
        for name in names:
            await self._ask(control.Request(action="ready", name=name))

    async def lacks(self, name: str) -> str | None:
        """None where the program can do its work now, else what it lacks."""
        return (await self._ask(control.Request(action="probe", name=name))).lacks

    async def _ask(self, request: control.Request) -> control.Reply:
        return await control.ask(self.layout, request)
