"""How another process asks the supervisor to hold, release or restart a program.

A Unix socket in the stack's directory, one request and one reply a connection, each a line of JSON.
A reply comes when the thing is done.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from postbox.wait_for import wait_for
from stack.errors import EmbeddedError, NotRunning, StackError
from stack.layout import Layout

# A program may take its time to end and to become ready; the supervisor has limits for both.
REPLY_LIMIT_S: Final = 120.0


class Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["kill", "hold", "release", "ready", "probe"]
    name: str
    number: Signals = Signals.SIGKILL
    environment: dict[str, str] = {}


class Reply(BaseModel):
    """`lacks` answers a probe: null where the program can do its work."""

    error: str | None = None
    lacks: str | None = None


async def serve(layout: Layout, act: Callable[[Request], Awaitable[str | None]]) -> asyncio.Server:
    """Listens until the server that it returns is closed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = Reply(lacks=await act(Request.model_validate_json(await reader.readline())))
        except (EmbeddedError, ValidationError) as error:
            reply = Reply(error=str(error))
        writer.write(reply.model_dump_json().encode() + b"\n")
        writer.close()

    with _short(layout.control) as path:
        return await asyncio.start_unix_server(answer, path)


async def ask(layout: Layout, request: Request) -> Reply:
    """Sends one request. Raises `NotRunning`, or `StackError` with the supervisor's words."""
    with _short(layout.control) as path:
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(f"no stack is up in {layout.directory}") from None
    try:
        writer.write(request.model_dump_json().encode() + b"\n")
        line = await wait_for(reader.readline(), REPLY_LIMIT_S)
    finally:
        writer.close()
    if not line:
        raise NotRunning(f"the stack in {layout.directory} ended meanwhile")
    reply = Reply.model_validate_json(line)
    if reply.error is not None:
        raise StackError(reply.error)
    return reply


@contextmanager
def _short(socket: Path) -> Iterator[str]:
    """A short path to the socket: the kernel takes 107 bytes, and folders can be deep."""
    folder = os.open(socket.parent, os.O_RDONLY)
    try:
        deep = Path(f"/proc/self/fd/{folder}")
        yield str((deep if deep.exists() else socket.parent) / socket.name)
    finally:
        os.close(folder)
