"""CloudEvents that the official SDKs write and we read, and ours that they read."""

from tests.interop.events import incoming, outgoing

__all__ = ["incoming", "outgoing"]
