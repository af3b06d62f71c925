"""postbox.runtime"""

from postbox.runtime.crash_point import crash_point
from postbox.runtime.health import Health
from postbox.runtime.tasks import cancelled, everyone, first_of, pause, together, until_stopped

__all__ = [
    "Health",
    "cancelled",
    "crash_point",
    "everyone",
    "first_of",
    "pause",
    "together",
    "until_stopped",
]
