"""Where stories are played: the stack that runs, or a private one that ends with them."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from stack.display import Progress
from stack.embedded import Stack
from stack.errors import NotRunning
from stack.running import RunningStack
from stack.servers.mongod import ensure_mongod
from stack.servers.rabbitmq import ensure_rabbitmq
from stack.supervision import lock

STACK_JSON: Final = "stack.json"
HERE: Final = Path(".local")
# Short enough to wait for; long enough for a busy machine to bring back what was killed.
SHORT_TIMES: Final[Mapping[str, str]] = {
    "PAYMENT_TIMEOUT_S": "8",
    "INTENT_TIMEOUT_S": "8",
    "RECONCILE_INTERVAL_S": "1",
    "RELAY_LEASE_S": "2",
}
WITH_TOKENS: Final[Mapping[str, str]] = {"GATEWAY_AUTH": "jwt"}


def running(named: str | None) -> RunningStack | None:
    """The stack whose stack.json is `named`, else the one of .local, if it is up.

    Raises `NotRunning` where one is named and is not there.
    """
    if named is not None:
        path = Path(named)
        if path.name != STACK_JSON or not path.exists():
            raise NotRunning(f"STACK_JSON names {path}, which is not the {STACK_JSON} of a stack")
        return RunningStack(path.parent)
    stack = RunningStack(HERE)
    is_up = stack.layout.info.exists() and lock.holder(stack.layout) is not None
    return stack if is_up else None


@asynccontextmanager
async def private(
    console: Console, *, env: Mapping[str, str] | None = None
) -> AsyncIterator[RunningStack]:
    """A stack with short time limits, in a folder that goes with it; `env` on top of those."""
    ensure_mongod()
    ensure_rabbitmq()
    with tempfile.TemporaryDirectory(prefix="postbox-") as folder:
        with Progress(console) as progress:
            stack = Stack(Path(folder), env={**SHORT_TIMES, **(env or {})}, report=progress.ready)
            await stack.__aenter__()
        try:
            yield stack
        finally:
            await stack.__aexit__(None, None, None)
