"""Waiting until a program can do its work."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import httpx

from stack.errors import NotReady
from stack.supervision.process import Probe, Process

READY_LIMIT_S: Final = 60.0
PROBE_EVERY_S: Final = 0.05
PROBE_LIMIT_S: Final = 2.0


async def until_ready(process: Process, *, hopeless: Callable[[], bool]) -> None:
    """Returns when the program can do its work; raises `NotReady` when that is hopeless or late."""
    until = time.monotonic() + READY_LIMIT_S
    while (lacks := await process.lacks()) is not None:
        if hopeless() or time.monotonic() > until:
            raise NotReady(process.program.name, lacks, process.log)
        await asyncio.sleep(PROBE_EVERY_S)


def http(url: str) -> Probe:
    """Asks `url`/readyz, which answers 200 or says what is wrong."""

    async def probe() -> str | None:
        # Loopback: neither a proxy nor a certificate has a part in it.
        async with httpx.AsyncClient(
            timeout=PROBE_LIMIT_S, trust_env=False, verify=False
        ) as client:
            try:
                reply = await client.get(f"{url}/readyz")
            except httpx.HTTPError as error:
                return f"{url}/readyz: {error!r}"
        return None if reply.status_code == httpx.codes.OK else f"{url}/readyz: {reply.text}"

    return probe
