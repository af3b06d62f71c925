"""postbox.telemetry.setup"""

from postbox.telemetry.setup import configure

__all__ = [
    "configure",
]
