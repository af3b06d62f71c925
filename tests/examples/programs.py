"""Example programs as processes of their own, which a test kills and starts again."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from postbox.events import Event, cloudevents
from stack.servers.rabbitmq import RabbitMQ
from stack.supervision.process import ROOT
from tests.cli.harness import run
from tests.eventually import eventually

EXAMPLES: Final = ROOT / "examples"
NOTHING: Final = "^$"
LIMIT_S: Final = 60.0


NEEDS_NODE: Final = pytest.mark.skipif(  # CI has Node, and fails without it
    shutil.which("npm") is None and not os.environ.get("CI"), reason="there is no Node here"
)


class Running:
    """A program; what it says is in `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    def says(self, text: str) -> int:
        """How often."""
        return self.log.read_text().count(text)

    async def said(self, text: str, *, times: int = 1) -> None:
        """Returns once it has said `text` so often. An AssertionError where it ends before."""

        async def look() -> bool:
            is_said = self.says(text) >= times
            if not is_said and self.process.returncode is not None:
                raise RuntimeError(f"it ended:\n{self.log.read_text()}")
            assert is_said, self.log.read_text()
            return True

        await eventually(look, limit_s=LIMIT_S)

    async def is_killed(self) -> None:
        """Returns once the program has killed itself at its crash point."""
        code = await asyncio.wait_for(self.process.wait(), LIMIT_S)
        assert code == -signal.SIGKILL, self.log.read_text()

    async def ended(self) -> None:
        """Returns once it has ended by itself, and well."""
        assert await asyncio.wait_for(self.process.wait(), LIMIT_S) == 0, self.log.read_text()

    async def stopped(self) -> None:
        """Ask it to stop; returns once it has, having done what was under way."""
        self.process.terminate()
        assert await asyncio.wait_for(self.process.wait(), LIMIT_S) == 0, self.log.read_text()


@asynccontextmanager
async def running(
    *command: str, at: Path, log: Path, crash_at: str = "", **variables: str
) -> AsyncIterator[Running]:
    """`command` in the folder `at`; killed at the end, if it still runs."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=at,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CRASH_AT": crash_at, **variables},
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        yield Running(process, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


async def user(
    rabbitmq: RabbitMQ, *, read: str, write: str = NOTHING, configure: str = NOTHING
) -> str:
    """The URI of a user who may do no more than this."""
    name = f"u{uuid4().hex[:10]}"
    await rabbitmq.ctl("add_user", name, "secret")
    await rabbitmq.ctl("set_permissions", name, configure, write, read)
    return rabbitmq.uri.replace("guest:guest", f"{name}:secret")


class Site:
    """What an example finds at the broker: the exchange `events`, and a queue of its own."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, uri: str) -> None:
        self._connection = connection
        self._channel = channel
        self._uri = uri

    async def declare(self, queue: str, type_: str) -> None:
        """As the examples' READMEs have it."""
        ran = await run("declare", queue, type_, RABBITMQ_URI=self._uri)
        assert ran.code == 0, ran.err

    async def publish(self, *events: Event) -> None:
        exchange = await self._channel.get_exchange("events", ensure=False)
        for event in events:
            message = aio_pika.Message(
                cloudevents.encode(event),
                content_type=cloudevents.CONTENT_TYPE,
                message_id=event.id,
                headers=cloudevents.message_headers(event),
            )
            await exchange.publish(message, event.type)

    async def waiting(self, queue: str) -> int:
        """How many messages of `queue` wait, and are with no consumer."""
        declared = await self._channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0

    async def has_waiting(self, queue: str, messages: int) -> bool:
        """Whether `queue` exists and has so many."""
        async with self._connection.channel() as channel:
            try:
                declared = await channel.declare_queue(queue, passive=True)
            except ChannelNotFoundEntity:
                return False
        return declared.declaration_result.message_count == messages


@asynccontextmanager
async def site(rabbitmq: RabbitMQ, *queues: str) -> AsyncIterator[Site]:
    """`queues` are deleted at the end."""
    async with await aio_pika.connect(rabbitmq.uri) as connection:
        try:
            channel = await connection.channel(on_return_raises=True)
            yield Site(connection, channel, rabbitmq.uri)
        finally:
            async with connection.channel() as deleting:
                for queue in queues:
                    await deleting.queue_delete(queue)
