"""The state of a stack: for each part its address, its process, and whether it can do its work."""

import asyncio

from pydantic import BaseModel

from stack.errors import NotRunning
from stack.info import Application, BackingServer, Info
from stack.running import RunningStack


class State(BaseModel):
    """`lacks` is null where the part is ready."""

    address: str
    pid: int | None
    lacks: str | None


async def states(stack: RunningStack) -> dict[str, State]:
    """One for each part of stack.json; none while the stack is starting."""
    try:
        info = stack.info
    except NotRunning:
        return {}

    async def state(name: str) -> State:
        part = info.part(name)
        return State(address=address(part), pid=part.pid, lacks=await stack.lacks(name))

    names = tuple(Info.model_fields)
    return dict(zip(names, await asyncio.gather(*map(state, names)), strict=True))


def address(part: Application | BackingServer) -> str:
    return part.url if isinstance(part, Application) else part.uri
