"""One operating-system process: started, signalled, awaited, started again.

Guarantees: it never outlives the process that started it, however that one ends; a signal meant for
the terminal does not reach it; its output goes to a log of bounded size.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from postbox.wait_for import wait_for

LOG_BYTES_MAX: Final = 8 * 1024 * 1024
TAIL_LINES: Final = 15
TAIL_BYTES: Final = 16 * 1024

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

Probe = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run. `probe` answers None when it can do its work, else what it still lacks.

    `before_start` is called each time, while the program does not run. It runs in `folder`, or
    where its starter does.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    probe: Probe
    folder: Path | None = None
    before_start: Callable[[], None] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_limit_s: float = 12.0


class Process:
    """A program that runs or does not."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self._running: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        running = self._running
        return running.pid if running is not None and running.returncode is None else None

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Starts it, with `environment` on top of the program's own."""
        if self.pid is not None:
            raise RuntimeError(f"{self.program.name} runs already")
        if self.program.before_start is not None:
            self.program.before_start()
        with open_log(self.log) as output:
            self._running = await asyncio.create_subprocess_exec(
                *self.program.command,
                env={**self.program.environment, **(environment or {})},
                cwd=self.program.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                # A session of its own: Ctrl-C in the terminal is for the supervisor, which then
                # stops everything in order.
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )

    async def lacks(self) -> str | None:
        """None when it can do its work, else what it lacks."""
        return "it does not run" if self.pid is None else await self.program.probe()

    async def exited(self) -> None:
        if self._running is not None:
            await self._running.wait()

    def send(self, number: signal.Signals) -> None:
        if self._running is not None and self._running.returncode is None:
            self._running.send_signal(number)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.exited()

    async def stop(self, number: signal.Signals | None = None) -> None:
        """Asks it to end, and kills it when it has not ended within its limit."""
        self.send(number or self.program.stop_signal)
        try:
            await wait_for(self.exited(), self.program.stop_limit_s)
        except TimeoutError:
            await self.kill()


def open_log(path: Path) -> IO[bytes]:
    """Opens the log for appending; a full one is kept as `.1` until the next one is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def tail(log: Path) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return "(no output)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-TAIL_LINES:]) or "(no output)"


def _die_with(parent: int) -> Callable[[], None] | None:
    """What the child does between fork and exec: it asks the kernel to be killed with its parent.

    A supervisor that is killed with SIGKILL can end nothing itself. The request survives exec, and
    is not inherited by grandchildren. Only Linux has it.
    """
    libc = _LIBC
    if libc is None:
        return None

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return tie
