"""Whether the machine has a core to spare just now, as its kernel says."""

import os
from pathlib import Path
from typing import Final

_LOAD: Final = Path("/proc/loadavg")
"""Its fourth field is `runnable/all`, of the threads of the whole machine."""
_CORES: Final = os.cpu_count() or 1


def idle_cores() -> int:
    """How many cores have nothing to run. 0 where the kernel does not say, as outside Linux."""
    try:
        runnable = int(_LOAD.read_bytes().split()[3].partition(b"/")[0])
    except (OSError, ValueError, IndexError):
        return 0
    return max(0, _CORES - runnable)
