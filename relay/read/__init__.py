"""relay.read"""

from relay.read.intake import Intake
from relay.read.reader import Reader
from relay.read.rows import Rows
from relay.read.watchdog import Watchdog

__all__ = [
    "Intake",
    "Reader",
    "Rows",
    "Watchdog",
]
