"""The wheels that go into the image, downloaded by the host, whose pip settings no build knows."""

import hashlib
import sys
from pathlib import Path
from typing import Final

from deploy.context import ROOT
from deploy.shell import run

KEPT: Final = ROOT / ".local" / "wheels"
PIP: Final = "pip==25.3"
ASK: Final = (
    "import platform, sys, sysconfig;"
    "print('%d.%d' % sys.version_info[:2], platform.machine(), *platform.libc_ver()[1].split('.'))"
)
OLDEST_MINOR: Final = 17
"""manylinux2014 means glibc 2.17; wheels for any glibc from there to the base's own will do."""


def ensure(base: str, lock: Path) -> list[Path]:
    """The wheels of `lock` for the Python that `base` has, and pip's own."""
    version, machine, _, minor = run(
        ["docker", "run", "--rm", "--network=none", "--entrypoint", "python3", base, "-c", ASK],
        why=f"{base} has no Python 3",
    ).split()
    mark = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = KEPT / f"{version}-{machine}-{mark}"
    if not (folder / "complete").exists():
        _download(folder, lock, version, _platforms(machine, int(minor)))
        (folder / "complete").touch()
    return sorted(folder.glob("*.whl"))


def _platforms(machine: str, minor: int) -> list[str]:
    return [
        *(f"manylinux_2_{one}_{machine}" for one in range(minor, OLDEST_MINOR - 1, -1)),
        f"manylinux2014_{machine}",
    ]


def _download(folder: Path, lock: Path, version: str, platforms: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = [part for one in platforms for part in ("--platform", one)]
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    where = ("--dest", str(folder), "--only-binary=:all:", "--no-deps")
    run([*pip, *where, PIP], why="pip's wheel cannot be downloaded")
    run(
        [
            *(*pip, *where, "--require-hashes", "--python-version", version),
            *("--implementation", "cp", *target, "-r", str(lock)),
        ],
        why="the wheels for the image cannot be downloaded",
    )
