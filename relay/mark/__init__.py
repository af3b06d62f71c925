"""relay.mark"""

from relay.mark.marker import Marker

__all__ = [
    "Marker",
]
