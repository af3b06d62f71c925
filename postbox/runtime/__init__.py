"""What any long-running part needs of its program: health, tasks, crash points and idle cores.

Guarantees that a program that cannot work says which part fails and why, and that no cancelled task
is left behind. Imports telemetry.
"""

from postbox.runtime.cores import idle_cores
from postbox.runtime.crash_points import crash_point
from postbox.runtime.health import Health
from postbox.runtime.tasks import (
    cancelled,
    everyone,
    first_of,
    pause,
    together,
    until_stopped,
    waits_at,
)

__all__ = [
    "Health",
    "cancelled",
    "crash_point",
    "everyone",
    "first_of",
    "idle_cores",
    "pause",
    "together",
    "until_stopped",
    "waits_at",
]
