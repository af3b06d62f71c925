"""`python -m scenarios.player`: plays stories on the stack that STACK_JSON names, until SIGTERM."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn

from scenarios.player.http import application
from scenarios.player.plays import Plays
from stack.running import RunningStack
from stack.servers.ports import LOOPBACK

SHUTDOWN_S_MAX: Final = 1


def main() -> None:
    signal.signal(signal.SIGTERM, _exit)  # uvicorn stops in good order, then raises it again
    signal.signal(signal.SIGINT, _exit)
    stack = RunningStack(Path(_variable("STACK_JSON")).parent)
    uvicorn.run(
        application(Plays(stack), token=_variable("SCENARIOS_TOKEN")),
        host=LOOPBACK,
        port=int(_variable("SCENARIOS_PORT")),
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_S_MAX,
    )


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        sys.exit(f"scenarios: {name} is not set; `make up` sets it")
    return value


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
