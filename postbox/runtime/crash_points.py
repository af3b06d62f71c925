"""Crash points: places where a test may kill the process, to prove that nothing is lost there.

A crash point is a no-op unless the environment says `CRASH_AT=name:n`; then the n-th pass through
the point of that name kills the process with SIGKILL, as a power cut would.
"""

import os
import signal


def _armed() -> tuple[str, int]:
    name, _, nth = os.environ.get("CRASH_AT", "").partition(":")
    return name, int(nth or "1")


_name, _passes_left = _armed()


def crash_point(name: str) -> None:
    """Die here if this point is armed and this is the pass that was asked for."""
    global _passes_left
    if name != _name:
        return
    _passes_left -= 1
    if _passes_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
