"""Brings the programs up in order, keeps them alive, and brings them down in order."""

import asyncio
import time
from collections.abc import Callable, Iterable

from postbox.embedded import Program
from stack.errors import NotReady, StackError
from stack.layout import PROGRAMS, Layout, write_atomically
from stack.programs import Options, Programs
from stack.supervision import control
from stack.supervision.keeper import Keeper

# Called with a program's name and the seconds it took to become ready.
Report = Callable[[str, float], None]


class Supervisor:
    """stack.json appears when all is ready, follows every change, and goes with the stack."""

    def __init__(self, layout: Layout, options: Options, report: Report) -> None:
        self._layout = layout
        self._programs = Programs(layout, options)
        self._held_at_first = frozenset(PROGRAMS) - frozenset(options.programs)
        self._report = report
        self._keepers: dict[str, Keeper] = {}
        self._waves: list[list[Keeper]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_up = False

    async def up(self) -> None:
        """Returns when every program that is not held is ready; raises `NotReady` otherwise."""
        for wave in self._programs.waves():
            await self._bring_up(wave)
        await self._programs.rabbitmq.settled()
        self._is_up = True
        self._write_info()

    async def down(self) -> None:
        """The other way round: first those that use the others."""
        self._is_up = False
        self._layout.info.unlink(missing_ok=True)
        for wave in reversed(self._waves):
            await asyncio.gather(*(keeper.end() for keeper in wave))

    async def last(self) -> None:
        """Lasts forever. Raises what kept a program from being started again."""
        await asyncio.gather(*self._tasks)

    async def act(self, request: control.Request) -> str | None:
        """Does what another process asks for; answers a probe with what the program lacks."""
        keeper = self._keepers.get(request.name)
        if keeper is None:
            known = ", ".join(self._keepers)
            raise StackError(f"there is no program {request.name!r}; there are {known}")
        match request.action:
            case "kill":
                await keeper.kill(request.number)
            case "hold":
                await keeper.hold(request.number)
            case "release":
                keeper.release(request.environment)
            case "ready":
                await keeper.ready()
            case "probe":
                return await keeper.lacks()
        return None

    async def _bring_up(self, programs: Iterable[Program]) -> None:
        began = time.monotonic()

        async def until_ready(keeper: Keeper) -> None:
            await keeper.ready()
            self._report(keeper.name, time.monotonic() - began)

        wave = [self._keeper(program) for program in programs]
        self._waves.append(wave)
        self._tasks.extend(keeper.begin() for keeper in wave)
        try:
            async with asyncio.TaskGroup() as waiting:
                for keeper in wave:
                    if keeper.name not in self._held_at_first:
                        waiting.create_task(until_ready(keeper))
        except* NotReady as failures:
            raise failures.exceptions[0] from None

    def _keeper(self, program: Program) -> Keeper:
        keeper = Keeper(
            program,
            self._layout.log(program.name),
            held=program.name in self._held_at_first,
            changed=self._write_info,
        )
        self._keepers[program.name] = keeper
        return keeper

    def _write_info(self) -> None:
        if self._is_up:
            pids = {name: keeper.pid for name, keeper in self._keepers.items()}
            info = self._programs.info(pids)
            write_atomically(self._layout.info, info.model_dump_json(indent=2))
