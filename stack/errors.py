"""What can go wrong with the embedded stack, each said in words that a person can act on."""

from pathlib import Path

from stack.supervision.process import tail


class StackError(Exception):
    """The embedded stack cannot do what was asked."""


class ServerMissing(StackError):
    """mongod or RabbitMQ is not on this machine and cannot be installed."""


class AlreadyRunning(StackError):
    """Another supervisor holds this directory."""


class NotRunning(StackError):
    """No supervisor holds this directory."""


class NotReady(StackError):
    """A program did not become ready in time."""

    def __init__(self, name: str, lacks: str, log: Path) -> None:
        super().__init__(f"{name} is not ready: {lacks}\n--- the end of {log}:\n{tail(log)}")
        self.name = name
