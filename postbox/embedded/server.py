"""What mongod and RabbitMQ have in common."""

from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from postbox.embedded.process import Process, Program
from postbox.embedded.ready import until_ready


class Server(ABC):
    """A server made of one or more programs; the last one is the server itself.

    Whoever keeps it alive asks it for `programs()`. A test starts and stops it by itself.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._processes: tuple[Process, ...] = ()

    @property
    @abstractmethod
    def uri(self) -> str: ...

    @abstractmethod
    def programs(self) -> tuple[Program, ...]: ...

    @property
    def pid(self) -> int | None:
        return self._processes[-1].pid if self._processes else None

    async def start(self) -> None:
        """Starts what does not run, and returns when the server can do its work."""
        if not self._processes:
            self._processes = tuple(
                Process(program, self._directory / f"{program.name}.log")
                for program in self.programs()
            )
        for process in self._processes:
            if process.pid is None:
                await process.start()
            await until_ready(process, hopeless=partial(_is_dead, process))

    async def stop(self) -> None:
        for process in reversed(self._processes):
            await process.stop()

    async def kill(self) -> None:
        """SIGKILL to the server itself."""
        await self._processes[-1].kill()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


def _is_dead(process: Process) -> bool:
    return process.pid is None
