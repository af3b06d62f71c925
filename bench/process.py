"""What the kernel says of a process: the CPU time it used, and its memory at its largest.

Linux alone has /proc; measuring is not offered elsewhere.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.errors import BenchFailed

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
KIB_PER_MB: Final = 1_000_000 / 1024
CLOCK_ID_SHIFT: Final = 3
PROCESS_CLOCK: Final = 2
"""How Linux names another process's CPU clock (clock_getcpuclockid); /proc has ticks of 10 ms."""


def cpu_s(pid: int) -> float:
    """CPU seconds of all of a process's threads, in user and kernel mode, to the nanosecond."""
    try:
        return time.clock_gettime(~pid << CLOCK_ID_SHIFT | PROCESS_CLOCK)
    except OSError as error:
        raise BenchFailed(f"process {pid} has ended") from error


def rss_mb(pid: int) -> float:
    """Resident memory now, in megabytes of 10^6 bytes."""
    return _status_kib(pid, "VmRSS") / KIB_PER_MB


def rss_mb_max(pid: int) -> float:
    """Resident memory at its largest since the process began: the kernel misses no peak."""
    return _status_kib(pid, "VmHWM") / KIB_PER_MB


def _machine_s() -> tuple[float, float]:
    """Seconds of all cores since boot: those that were busy, and all."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, idle, waiting, interrupts, soft, stolen = (int(one) for one in fields)
    busy = user + nice + system + interrupts + soft + stolen
    return busy / TICKS_PER_S, (busy + idle + waiting) / TICKS_PER_S


def _status_kib(pid: int, field: str) -> int:
    for line in _read(pid, "status").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise BenchFailed(f"process {pid} has ended")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise BenchFailed(f"process {pid} has ended") from error


class CpuMeter:
    """The CPU seconds that processes use from the making of the meter on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = {name: cpu_s(pid) for name, pid in self._pids.items()}
        self._own_before_s = time.process_time()
        self._machine_before = _machine_s()

    def spent_s(self) -> dict[str, float]:
        """By name, until now. BenchFailed where one died: its share is lost."""
        return {name: cpu_s(pid) - self._before[name] for name, pid in self._pids.items()}

    def own_s(self) -> float:
        """What the bench itself used meanwhile."""
        return time.process_time() - self._own_before_s

    def others_share(self) -> float:
        """The part of all cores, 0 to 1, that neither these processes nor the bench used."""
        busy_s, total_s = _machine_s()
        busy_s -= self._machine_before[0]
        total_s -= self._machine_before[1]
        ours_s = sum(self.spent_s().values()) + self.own_s()
        return max(0.0, (busy_s - ours_s) / total_s) if total_s else 0.0
