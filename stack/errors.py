"""What can go wrong with the embedded stack, each said in words that a person can act on."""

from postbox.embedded import EmbeddedError, NotReady, ServerMissing

__all__ = [
    "AlreadyRunning",
    "EmbeddedError",
    "NotReady",
    "NotRunning",
    "ServerMissing",
    "StackError",
]


class StackError(EmbeddedError):
    """The embedded stack cannot do what was asked."""


class AlreadyRunning(StackError):
    """Another supervisor holds this directory."""


class NotRunning(StackError):
    """No supervisor holds this directory."""
