"""Messages that AMQP clients write and we read, and ours that they read."""

from tests.interop.messages import incoming, outgoing

__all__ = ["incoming", "outgoing"]
