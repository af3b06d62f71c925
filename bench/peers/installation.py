"""Installs what the peers need, in pinned versions, in a folder that the next run finds again."""

import asyncio
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from bench.errors import BenchFailed
from bench.report.results import ROOT

FOLDER: Final = ROOT / ".local" / "peers"
PROGRAMS: Final = Path(__file__).parent / "programs"
RESTATE_SERVER: Final = "@restatedev/restate-server@1.7.12"
LIMIT_S: Final = 100.0
"""For one installation. A run of the bench has to end, whatever a registry does."""
REASON_LETTERS: Final = 300


class NotInstalled(BenchFailed):
    """A peer is left out for this reason."""


async def python_with(requirements: str) -> Path:
    """The Python of an environment of its own with what the file `requirements` of PROGRAMS pins.

    The environment's name is the content of that file: other pins, another environment.
    """
    pins = PROGRAMS / requirements
    folder = FOLDER / f"{pins.stem}-{sha256(pins.read_bytes()).hexdigest()[:12]}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        uv = Path(sys.executable).parent / "uv"
        if not uv.exists():
            raise NotInstalled(f"there is no {uv}: `make setup` installs it")
        await _run([str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        await _run([str(uv), "pip", "install", "--quiet", "--python", str(python), "-r", str(pins)])
        ready.touch()
    return python


def pinned(requirements: str, package: str) -> str:
    """The version of a package that PROGRAMS pins."""
    lines = (PROGRAMS / requirements).read_text().splitlines()
    (version,) = (
        line.removeprefix(f"{package}==") for line in lines if line.startswith(f"{package}==")
    )
    return version


async def restate_server() -> Path:
    """The binary of Restate's server, out of its npm package."""
    folder = FOLDER / RESTATE_SERVER.rpartition("@")[2]
    ready = folder / ".ready"
    if not ready.exists():
        folder.mkdir(parents=True, exist_ok=True)
        await _run(["npm", "install", "--silent", "--prefix", str(folder), RESTATE_SERVER])
        ready.touch()
    packages = folder / "node_modules" / "@restatedev"
    for binary in packages.glob("restate-server-*/bin/restate-server"):
        return binary
    raise NotInstalled(f"{RESTATE_SERVER} has no binary for this machine")


async def _run(command: Sequence[str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except FileNotFoundError as error:
        raise NotInstalled(f"there is no {command[0]}") from error
    try:
        async with asyncio.timeout(LIMIT_S):
            printed, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise NotInstalled(f"`{' '.join(command)}` took over {LIMIT_S:.0f} s") from error
    if process.returncode:
        reason = printed.decode(errors="replace").strip()[-REASON_LETTERS:]
        raise NotInstalled(f"`{' '.join(command)}` failed: {reason}")
