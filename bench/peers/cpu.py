"""The CPU time of processes with all that they start, such as PostgreSQL's one a connection."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bench.process import TICKS_PER_S

_AFTER_NAME: Final = ") "
_PARENT: Final = 1
_TIMES: Final = slice(11, 15)


def trees_s(roots: Iterable[int]) -> float:
    """CPU seconds of these processes and their descendants, those that have ended included."""
    parents: dict[int, int] = {}
    spent_s: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(_AFTER_NAME)[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        pid = int(stat.parent.name)
        parents[pid] = int(fields[_PARENT])
        spent_s[pid] = sum(map(int, fields[_TIMES])) / TICKS_PER_S
    wanted = set(roots)
    return sum(s for pid, s in spent_s.items() if wanted & set(_ancestry(pid, parents)))


def _ancestry(pid: int, parents: dict[int, int]) -> Iterable[int]:
    while pid:
        yield pid
        pid = parents.get(pid, 0)
