"""A program's life: configured, running in the foreground, stopped by a signal, ended with a code.

Exit codes: 0 when asked to stop (SIGTERM, SIGINT), 1 with one clear line when it cannot start or
go on. A bug ends the program with its traceback; whoever supervises it starts it again.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from postbox.errors import Crash
from postbox.runtime import waits_at
from postbox.telemetry import setup

SHUTDOWN_TIMEOUT_S = 10.0
GC_THRESHOLDS = (20_000, 20, 100)
Main = Callable[[asyncio.Event], Awaitable[None]]


def run(name: str, main: Main, *, subject: str = "subject") -> None:
    """Run `main(stop)` until it returns; it should return soon after the event `stop` is set.

    `subject` is what this program's log lines call the subject of an event.
    """
    try:
        setup.configure(name, subject=subject)
        _calm_garbage_collection()
        uvloop.run(_run(main))
    except Crash as error:
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    finally:
        setup.shut_down()
    structlog.get_logger(name).info("stopped")


def _calm_garbage_collection() -> None:
    """Batches make many objects and hardly a cycle: by default a tenth of the time goes on looking.

    What is imported by now lives as long as the program and is not looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _run(main: Main) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, _ask_to_stop, stop)
    await main(stop)


def _ask_to_stop(stop: asyncio.Event) -> None:
    """First signal: finish what is under way. No end in sight: end all the same, and say so."""
    if not stop.is_set():
        asyncio.get_running_loop().call_later(SHUTDOWN_TIMEOUT_S, _give_up)
    stop.set()


def _give_up() -> None:
    """End the program; the stacks of its tasks show what it was waiting for."""
    structlog.get_logger().error("could not stop in time, ending now", limit_s=SHUTDOWN_TIMEOUT_S)
    for task in asyncio.all_tasks():
        print(waits_at(task), file=sys.stderr)
    sys.stderr.flush()
    os._exit(1)
