"""Marking: confirmed rows are marked published, and the token moves behind them.

Guarantees that a row is marked only after its confirm, and that the saved token never passes a row
that is not marked. Imports read, publish and the relay's base files.
"""

from relay.mark.marker import Marker

__all__ = ["Marker"]
