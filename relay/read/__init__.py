"""Reading: pending rows and the change stream, as messages in the window.

Guarantees that no row is missed between the two, that a row which can never go out is parked with
its reason, and that a request which hangs is noticed. Imports publish.
"""

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
