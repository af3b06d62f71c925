"""DBOS: one program with its library, on a PostgreSQL of its own."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

from bench.peers.installation import PROGRAMS, pinned, python_with
from bench.peers.postgres import Postgres
from bench.peers.workflows import Workflows, started
from bench.workbench import Report
from postbox.embedded import LOOPBACK, Process, Program, free_port, listens


class Dbos(Workflows):
    NAME: ClassVar = "dbos"
    TITLE: ClassVar = "DBOS"
    WISH = "/booking/{}"
    PAY = "/booking/{}/paid"
    RESULT = "/booking/{}/result"

    def __init__(self, url: str, postgres: Postgres, program: Process) -> None:
        super().__init__(url)
        self._postgres = postgres
        self._program = program

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, say: Report) -> AsyncIterator[Self]:
        say("DBOS: installing what is not there yet")
        python, postgres = await python_with("dbos.txt"), Postgres(folder / "postgres")
        port = free_port()
        program = Process(_program(python, port, postgres.uri), folder / "booking.log")
        async with AsyncExitStack() as undo:
            await undo.enter_async_context(postgres)
            undo.push_async_callback(program.stop)
            await started(program)
            yield cls(f"http://{LOOPBACK}:{port}", postgres, program)

    @property
    def versions(self) -> str:
        return f"dbos {pinned('dbos.txt', 'dbos')}, PostgreSQL {self._postgres.version}"

    def programs(self) -> Sequence[Process]:
        return (self._program,)

    def roots(self) -> Sequence[int]:
        return tuple(pid for pid in (self._postgres.pid, self._program.pid) if pid is not None)


def _program(python: Path, port: int, database: str) -> Program:
    return Program(
        name="booking",
        command=(str(python), str(PROGRAMS / "dbos_booking.py"), str(port)),
        environment={"PATH": os.defpath, "DATABASE_URL": f"{database}/booking"},
        probe=partial(listens, port),
    )
