"""A wall clock of its own for one program: libfaketime, preloaded. Its monotonic clock stays true.

For tests. Every program of ours measures spans of time by the monotonic clock, as on a host whose
clock is wrong, and only wrong.
"""

from pathlib import Path
from typing import Final

from stack.errors import ServerMissing
from stack.servers import apt

LIBRARY: Final = "faketime/libfaketimeMT.so.1"
FOLDERS: Final = (Path("/usr/lib"), Path("/usr/local/lib"), Path("/usr/lib64"))
SHARED: Final = Path("/dev/shm")
_LEFTOVERS: Final = ("faketime_shm_*", "sem.faketime_sem_*")


def shifted(by: str) -> dict[str, str]:
    """The variables for a program whose clock is off by `by`, as "+10m" or "-10m"."""
    return {
        "LD_PRELOAD": str(ensure_faketime()),
        "FAKETIME": by,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def find_faketime() -> Path:
    """The library, or `ServerMissing`."""
    for folder in FOLDERS:
        for found in (*folder.glob(LIBRARY), *folder.glob(f"*/{LIBRARY}")):
            return found
    raise ServerMissing("libfaketime is not installed")


def ensure_faketime() -> Path:
    """Finds libfaketime, installing it where it is missing and that is possible."""
    try:
        return find_faketime()
    except ServerMissing as missing:
        apt.install("libfaketime", why=str(missing))
    return find_faketime()


def clean_up() -> None:
    """Removes the shared memory of programs that were killed before they could do so themselves."""
    for pattern in _LEFTOVERS:
        for path in SHARED.glob(pattern):
            if not Path("/proc", path.name.rpartition("_")[2]).exists():
                path.unlink(missing_ok=True)
