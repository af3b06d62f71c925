"""Free loopback ports for what runs beside the servers."""

from postbox.embedded import HIGHEST, LOOPBACK, LOWEST, PART, free_port, is_free

__all__ = ["HIGHEST", "LOOPBACK", "LOWEST", "PART", "free_port", "is_free"]
