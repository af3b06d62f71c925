"""Which processes have anything to do with a folder, as the kernel sees it."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

LIMIT_S: Final = 10.0
POLL_EVERY_S: Final = 0.02


def of(directory: Path) -> dict[int, str]:
    """Process ids and command lines of those that name the folder in command or environment."""
    wanted = str(directory).encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            command = (entry / "cmdline").read_bytes()
            if wanted in command or wanted in (entry / "environ").read_bytes():
                found[int(entry.name)] = command.replace(b"\0", b" ").decode()
    return found


async def none_left(directory: Path) -> None:
    until = time.monotonic() + LIMIT_S
    while left := of(directory):
        assert time.monotonic() < until, left
        await asyncio.sleep(POLL_EVERY_S)


def is_alive(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}/environ").exists()
