"""A console on a port of its own, over one outbox and one queue that nobody else uses."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from postbox.console.program import Console
from postbox.console.settings import ConsoleSettings
from postbox.runtime import until_stopped
from postbox.service import serve
from stack.servers.ports import LOOPBACK, free_port
from tests.cli.harness import CliHarness
from tests.eventually import eventually

JSON: Final = {"Accept": "application/json"}
_TOKEN: Final = re.compile(r'name="token" value="(\w+)"')


@dataclass(frozen=True)
class Browser:
    """What a test asks of a console, with the cookies that it was given."""

    http: httpx.AsyncClient
    url: str

    async def json(self, path: str, status: int = 200) -> Any:
        answer = await self.http.get(path, headers=JSON)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def html(self, path: str, status: int = 200) -> str:
        answer = await self.http.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == status, answer.text
        return answer.text

    async def post(self, path: str, page: str, **fields: Any) -> httpx.Response:
        """Send a form that is on `page`."""
        found = _TOKEN.search(page)
        assert found is not None, page
        return await self.http.post(path, data={"token": found[1], **fields})


def settings(cli: CliHarness, **changes: Any) -> ConsoleSettings:
    """For the outbox and the queue of `cli`, its database being the console's too."""
    return ConsoleSettings.model_validate(
        {
            "console_sources": cli.variables["RELAY_SOURCES"],
            "rabbitmq_uri": cli.variables["RABBITMQ_URI"],
            "mongo_uri": cli.space.mongo_uri,
            "console_queues": cli.queue,
            "console_exchange": cli.space.exchange,
            **changes,
        }
    )


@asynccontextmanager
async def console(of: ConsoleSettings) -> AsyncIterator[Browser]:
    """Served in this process, as the program does."""
    stop, port = asyncio.Event(), free_port()
    async with AsyncExitStack() as during:
        made = Console(of, stop)
        await made.open(during)
        serving = asyncio.ensure_future(
            until_stopped(stop, serve(made.app, port, stop, host=LOOPBACK), *made.runs())
        )
        url = f"http://{LOOPBACK}:{port}"
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                await eventually(lambda: _answers(http))
                yield Browser(http, url)
        finally:
            stop.set()
            await serving


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False
