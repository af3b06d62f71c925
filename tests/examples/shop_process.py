"""An example shop as a process of its own, and a customer of it."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from stack.servers.ports import LOOPBACK, free_port
from stack.supervision.process import ROOT
from tests.eventually import eventually
from tests.relay.harness import RelayHarness

AMOUNT: Final = 5


class ShopProcess:
    def __init__(
        self, process: asyncio.subprocess.Process, http: httpx.AsyncClient, log: Path
    ) -> None:
        self.process = process
        self._http = http
        self._log = log

    async def put(self, order: str) -> httpx.Response:
        """An order as each of the shops takes it: the amount in the query, or in the body."""
        return await self._http.put(
            f"/orders/{order}", params={"amount": AMOUNT}, json={"amount": AMOUNT}
        )

    async def answers(self) -> bool:
        assert self.process.returncode is None, self._log.read_text()
        try:
            await self._http.get("/")
        except httpx.TransportError:
            return False
        return True


@asynccontextmanager
async def running(
    harness: RelayHarness, command: Sequence[str], *, at: Path = ROOT, crash_at: str = ""
) -> AsyncIterator[ShopProcess]:
    """The shop that `command --port N` starts in the folder `at`, once it answers."""
    port = free_port()
    log = harness.directory / f"shop-{port}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(*command, "--port", str(port)),
            cwd=at,
            env={
                "PATH": os.environ["PATH"],
                "MONGO_URI": harness.source.uri,
                "RABBITMQ_URI": harness.rabbitmq.uri,
                "CRASH_AT": crash_at,
            },
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as http:
            shop = ShopProcess(process, http, log)
            await eventually(shop.answers)
            yield shop
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
