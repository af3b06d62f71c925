"""The mongod that runs here, with the libraries that it lacks installed."""

import subprocess
from pathlib import Path

from postbox.embedded import Mongod, ServerMissing, find_mongod
from stack.servers import apt

__all__ = ["Mongod", "ensure_mongod", "find_mongod"]


def ensure_mongod() -> Path:
    """Finds mongod and makes sure that it runs here, installing the libraries that it lacks."""
    mongod = find_mongod()
    if _starts(mongod) is not None:
        apt.install("libcurl4", "liblzma5", "libssl3", why=f"{mongod} lacks a library")
    trouble = _starts(mongod)
    if trouble is not None:
        raise ServerMissing(f"{mongod} does not run here: {trouble}")
    return mongod


def _starts(mongod: Path) -> str | None:
    done = subprocess.run(
        [mongod, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    return None if done.returncode == 0 else done.stderr.strip()
