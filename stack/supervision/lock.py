"""One supervisor a directory, and the end of what a dead one left.

The kernel gives the lock back when its holder dies, however it dies: there is no stale lock.
"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from stack.errors import AlreadyRunning, StackError
from stack.layout import Layout

# Who only asks for the holder has the lock for an instant, too.
TRIES_MAX: Final = 10
TRY_EVERY_S: Final = 0.02
LEFTOVER_LIMIT_S: Final = 10.0
GONE: Final = (FileNotFoundError, ProcessLookupError, PermissionError)

# In the environment of every process of a stack: whose it is.
MARK: Final = "POSTBOX_STACK"


@contextmanager
def held(layout: Layout) -> Iterator[None]:
    """Holds the directory. Raises `AlreadyRunning`."""
    layout.directory.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("a+") as file:
        for attempt in range(TRIES_MAX):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == TRIES_MAX - 1:
                    raise AlreadyRunning(f"a stack is up in {layout.directory} already") from None
                time.sleep(TRY_EVERY_S)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def holder(layout: Layout) -> int | None:
    """The process id of the supervisor, or None where none runs."""
    if not layout.lock.exists():
        return None
    with layout.lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read() or 0) or None
    return None


def mark(layout: Layout) -> dict[str, str]:
    return {MARK: str(layout.directory)}


def end_leftovers(layout: Layout) -> None:
    """Kills what still carries this directory's mark, and waits until it is gone.

    The kernel kills a supervisor's children with it, but not at the same instant, and a child's own
    children not at all. Linux only: elsewhere nothing can be found so.
    """
    until = time.monotonic() + LEFTOVER_LIMIT_S
    while left := list(_marked(layout)):
        if time.monotonic() > until:
            raise StackError(f"processes of a former stack cannot be ended: {left}")
        for pid in left:
            with suppress(*GONE):
                os.kill(pid, signal.SIGKILL)
        time.sleep(TRY_EVERY_S)


def _marked(layout: Layout) -> Iterator[int]:
    [(name, value)] = mark(layout).items()
    wanted = f"{name}={value}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(*GONE):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
