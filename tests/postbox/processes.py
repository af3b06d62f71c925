"""The shop as a process of its own, to be killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stack.supervision.process import ROOT
from tests.conftest import Space

STOP_LIMIT_S = 10.0
CRASH_LIMIT_S = 60.0
"""It has to start first, on a machine that may be busy."""
KILLED = -signal.SIGKILL


class ShopProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def exit_code(self, *, limit_s: float = CRASH_LIMIT_S) -> int:
        """Waits until it has ended; negative: the signal that ended it."""
        return await asyncio.wait_for(self._process.wait(), limit_s)

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self._process.terminate()
        return await self.exit_code(limit_s=STOP_LIMIT_S)

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()


@asynccontextmanager
async def shop_process(
    space: Space,
    *,
    crash_at: str = "",
    slow_s: float = 0.0,
    prefetch: int = 256,
    module: str = "tests.postbox.fake_service",
) -> AsyncIterator[ShopProcess]:
    """Runs while the block does; killed at its end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        cwd=ROOT,
        env={
            **os.environ,
            "SPACE": space.name,
            "MONGO_URI": space.mongo_uri,
            "RABBITMQ_URI": space.rabbitmq_uri,
            "CRASH_AT": crash_at,
            "SLOW_S": str(slow_s),
            "PREFETCH": str(prefetch),
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    service = ShopProcess(process)
    try:
        yield service
    finally:
        service.kill()
        await process.wait()
