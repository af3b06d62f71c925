"""Waiting until a program can do its work."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from postbox.embedded.errors import NotReady
from postbox.embedded.process import Process

READY_LIMIT_S: Final = 60.0
PROBE_EVERY_S: Final = 0.05


async def until_ready(process: Process, *, hopeless: Callable[[], bool]) -> None:
    """Returns when the program can do its work; raises `NotReady` when that is hopeless or late."""
    until = time.monotonic() + READY_LIMIT_S
    while (lacks := await process.lacks()) is not None:
        if hopeless() or time.monotonic() > until:
            raise NotReady(process.program.name, lacks, process.log)
        await asyncio.sleep(PROBE_EVERY_S)
