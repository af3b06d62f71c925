"""Marking: what is confirmed is marked published, and the token moves behind it.

Guarantees that no token is ever ahead of a confirm. Imports read and publish.
"""

from relay.mark.marker import Marker

__all__ = [
    "Marker",
]
