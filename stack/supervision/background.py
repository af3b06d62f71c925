"""A stack that another process keeps up: started so that it outlives the terminal, and ended."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.console import Console

from postbox.embedded import open_log, tail
from stack.display import show
from stack.errors import StackError
from stack.layout import Layout
from stack.running import RunningStack
from stack.supervision import lock

UP_LIMIT_S: Final = 180.0
DOWN_LIMIT_S: Final = 60.0
DETACH: Final = "--detach"
POLL_EVERY_S: Final = 0.1


def start(directory: Path, console: Console) -> None:
    """Runs this very command once more, without --detach; returns when all is ready."""
    stack = RunningStack(directory)
    log = stack.layout.log("supervisor")
    command = [sys.executable, *(word for word in sys.orig_argv[1:] if word != DETACH)]
    stack.layout.info.unlink(missing_ok=True)
    with open_log(log) as output:
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    until = time.monotonic() + UP_LIMIT_S
    with console.status("starting the stack ..."):
        while not stack.layout.info.exists():
            if supervisor.poll() is not None or time.monotonic() > until:
                raise StackError(f"the stack did not come up:\n{tail(log)}")
            time.sleep(POLL_EVERY_S)
    console.print(f"Postbox is up, kept by process {supervisor.pid}.\n")
    show(console, stack)
    console.print("\n`python -m stack down` (make down) ends it.")


def _runs(pid: int) -> bool:
    """Whether the process is there and not just waiting for its parent to notice its end."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def end(layout: Layout) -> bool:
    """Ends the stack of this directory and waits until nothing is left; whether there was one."""
    supervisor = lock.holder(layout)
    if supervisor is not None:
        os.kill(supervisor, signal.SIGTERM)
        until = time.monotonic() + DOWN_LIMIT_S
        # It gives the lock back a moment before it has ended itself.
        while lock.holder(layout) == supervisor or _runs(supervisor):
            if time.monotonic() > until:
                with suppress(ProcessLookupError):
                    os.kill(supervisor, signal.SIGKILL)
            time.sleep(POLL_EVERY_S)
    lock.end_leftovers(layout)
    layout.info.unlink(missing_ok=True)
    layout.control.unlink(missing_ok=True)
    return supervisor is not None
