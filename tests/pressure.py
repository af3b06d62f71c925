"""`python -m tests.pressure COMMAND ...`: runs a command on a machine that is busy besides.

Two processes keep the cores busy and one keeps the disk busy, all at the command's own priority, as
on a laptop that builds something else. They end with the command, whose exit code is passed on.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BUSY_CORES: Final = 2
WRITE_BYTES: Final = 4 * 1024 * 1024
FILE_WRITES_MAX: Final = 16

_SPIN: Final = """
import os
while os.getppid() == {parent}:
    sum(range(100_000))
"""
_WRITE: Final = """
import os, sys
block = os.urandom({size})
while os.getppid() == {parent}:
    with open(sys.argv[1], "wb") as file:
        for _ in range({writes}):
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
"""


def main(command: list[str]) -> int:
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory, _busy(Path(directory) / "written"):
        running = subprocess.Popen(command)
        while True:
            try:
                code = running.wait()
            except KeyboardInterrupt:
                continue  # the command has heard it too, and ends
            return code if code >= 0 else 128 - code


@contextmanager
def _busy(path: Path) -> Iterator[None]:
    """Each ends with this process, whatever ends it. Ctrl-C is not for them."""
    parent = os.getpid()
    spin = _SPIN.format(parent=parent)
    write = _WRITE.format(parent=parent, size=WRITE_BYTES, writes=FILE_WRITES_MAX)
    started = [
        subprocess.Popen([sys.executable, "-c", *arguments], start_new_session=True)
        for arguments in (*[[spin]] * BUSY_CORES, [write, str(path)])
    ]
    try:
        yield
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
