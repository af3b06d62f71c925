"""A private PostgreSQL, durable as it comes, all its files in one folder.

It refuses to run as root; there, it runs as the user `postgres` of Debian's package.
"""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final

from bench.peers.installation import NotInstalled
from postbox.embedded import LOOPBACK, Program, Server, free_port
from stack.servers import apt

USER: Final = "postgres"
FOLDER_MODE: Final = 0o711
"""So that this user comes through to its own folder."""
_BINARIES: Final = Path("/usr/lib/postgresql")


class Postgres(Server):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._binaries = _found()
        self._data = directory / "data"
        self._port = free_port()

    @property
    def uri(self) -> str:
        return f"postgresql://{USER}@{LOOPBACK}:{self._port}"

    @property
    def version(self) -> str:
        """The major one, after which Debian names the folder."""
        return self._binaries.parent.name

    async def start(self) -> None:
        if not self._data.exists():
            await self._initialize()
        await super().start()

    def programs(self) -> tuple[Program, ...]:
        return (
            Program(
                name="postgres",
                command=(
                    *_as_user("--pdeathsig", "KILL"),
                    *(str(self._binaries / "postgres"), "-D", str(self._data)),
                    *("-p", str(self._port), "-c", f"listen_addresses={LOOPBACK}"),
                    *("-c", "unix_socket_directories="),
                ),
                environment={"PATH": os.defpath},
                probe=self._lacks,
            ),
        )

    async def _initialize(self) -> None:
        self._data.mkdir(parents=True)
        for folder in (self._data.parent, self._data.parent.parent):
            folder.chmod(FOLDER_MODE)
        if os.geteuid() == 0:
            shutil.chown(self._data, USER, USER)
        said = await _said(
            *_as_user(),
            *(str(self._binaries / "initdb"), "-D", str(self._data), "-U", USER),
            *("--auth", "trust", "--encoding", "UTF8", "--no-locale"),
        )
        if said is not None:
            raise NotInstalled(f"initdb: {said}")

    async def _lacks(self) -> str | None:
        ready = str(self._binaries / "pg_isready")
        return await _said(ready, "-h", LOOPBACK, "-p", str(self._port))


def _found() -> Path:
    """The folder of PostgreSQL's programs; installed where that is possible."""
    if not any(_BINARIES.glob("*/bin/initdb")):
        apt.install("postgresql", why="DBOS needs PostgreSQL")
    found = max(_BINARIES.glob("*/bin/initdb"), default=None, key=lambda path: path.parts[-3])
    if found is None:
        raise NotInstalled(f"PostgreSQL is installed, but not in {_BINARIES}")
    return found.parent


def _as_user(*options: str) -> tuple[str, ...]:
    """A change of user would otherwise take back that the server dies with the bench."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *options, "--")


async def _said(*command: str) -> str | None:
    """None where the command succeeds, else what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd="/", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    return None if process.returncode == 0 else printed.decode(errors="replace").strip()
