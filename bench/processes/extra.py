"""More processes of the stack's programs, beside those that it runs itself."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bench.workbench import Workbench
from postbox.embedded import LOOPBACK, Process, Program, free_port, until_ready
from stack.programs import COMMANDS, DATABASES
from stack.supervision import ready


@dataclass(frozen=True, slots=True)
class Extra:
    """One that runs."""

    name: str
    url: str
    pid: int


@asynccontextmanager
async def extra(
    bench: Workbench, names: Mapping[str, int], environment: Mapping[str, str]
) -> AsyncIterator[list[Extra]]:
    """So many more of each, all ready, with these variables besides their own."""
    async with AsyncExitStack() as undo:
        started: list[tuple[str, str, Process]] = []
        for name, count in names.items():
            for number in range(count):
                url, program = _program(bench, name, environment)
                log = bench.stack.layout.log(f"{name}-{number + 2}")
                process = Process(program, log)
                await process.start()
                undo.push_async_callback(process.stop)
                started.append((name, url, process))
        await asyncio.gather(*(_until_ready(process) for _, _, process in started))
        yield [Extra(name, url, process.pid) for name, url, process in started if process.pid]


async def _until_ready(process: Process) -> None:
    await until_ready(process, hopeless=lambda: process.pid is None)


def _program(bench: Workbench, name: str, environment: Mapping[str, str]) -> tuple[str, Program]:
    info, port = bench.stack.info, free_port()
    url = f"http://{LOOPBACK}:{port}"
    return url, Program(
        name=name,
        command=COMMANDS[name],
        environment={
            **os.environ,
            "HTTP_HOST": LOOPBACK,
            "RABBITMQ_URI": info.rabbitmq.uri,
            "MONGO_URI": bench.database_uri(name),
            "RELAY_SOURCES": ",".join(f"{one}={bench.database_uri(one)}" for one in DATABASES),
            "WEBHOOK_SECRET": info.payment.webhook_secret,
            "PROVIDER_URL": info.provider.url,
            f"{name.upper()}_PORT": str(port),
            **environment,
        },
        probe=ready.http(url),
    )
