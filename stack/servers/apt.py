"""Installs Debian packages where that is possible: with root and apt, saying so first."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from stack.errors import ServerMissing

LIMIT_S: Final = 600
LOCK: Final = Path("/run/postbox-apt.lock")


def install(*packages: str, why: str) -> None:
    """Installs `packages`, or raises `ServerMissing` with what the reader should do instead."""
    wanted = " ".join(packages)
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise ServerMissing(
            f"{why}. Install it (on Debian or Ubuntu: sudo apt-get install -y {wanted}),"
            " or run everything in Docker: make compose-up"
        )
    with LOCK.open("w") as lock:  # apt takes its own, but waits for nobody
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(apt, packages, why)


def _install(apt: str, packages: tuple[str, ...], why: str) -> None:
    wanted = " ".join(packages)
    print(f"installing {wanted} with apt (once, about 20 s) ...", file=sys.stderr, flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (
        [apt, "-qq", "update"],
        # RUNLEVEL=1 keeps the package from starting a service of its own.
        [apt, "-qq", "install", "-y", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            command, env=quiet, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        if done.returncode != 0:
            raise ServerMissing(f"{why}, and `{' '.join(command)}` failed:\n{done.stderr.strip()}")
