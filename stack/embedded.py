"""The whole stack as a context manager: real servers, real processes, nothing left behind.

async with Stack(directory, env={"PAYMENT_TIMEOUT_S": "3"}) as stack:
    await stack.hold("booking")
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.layout import APPLICATIONS
from stack.programs import Options
from stack.running import RunningStack
from stack.supervision import control, lock
from stack.supervision.supervisor import Report, Supervisor


class Stack(RunningStack):
    """Owns the stack in `directory`; its data stays there afterwards.

    `env` goes to the programs, `programs` are those to start (the others are held down),
    `commands` replaces how some are started, `report` gets the name of each that is ready.
    """

    def __init__(
        self,
        directory: Path,
        *,
        env: Mapping[str, str] | None = None,
        programs: Sequence[str] = APPLICATIONS,
        commands: Mapping[str, tuple[str, ...]] | None = None,
        report: Report = lambda name, seconds: None,
    ) -> None:
        super().__init__(directory)
        self._options = Options(environment=env or {}, programs=programs, commands=commands or {})
        self._report = report
        self._supervisor: Supervisor | None = None
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            undo.enter_context(lock.held(self.layout))
            self.layout.info.unlink(missing_ok=True)
            lock.end_leftovers(self.layout)
            supervisor = Supervisor(self.layout, self._options, self._report)
            undo.push_async_callback(supervisor.down)
            undo.callback(self.layout.control.unlink, missing_ok=True)
            undo.enter_context(closing(await control.serve(self.layout, supervisor.act)))
            await supervisor.up()
            self._supervisor = supervisor
            self._exit = undo.pop_all()
        return self

    async def last(self) -> None:
        """Lasts forever. Raises what kept a program from being started again."""
        assert self._supervisor is not None, "the stack is not up"
        await self._supervisor.last()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exit.aclose()
