"""Reading: pending rows, the change stream and what is scheduled, as messages in the window.

Guarantees that no row is missed between them, that a row which can never be published is parked
with its reason, and that a command which hangs is noticed. Imports publish and the base files.
"""

from relay.read.reader import Reader
from relay.read.rows import Rows

__all__ = [
    "Reader",
    "Rows",
]
