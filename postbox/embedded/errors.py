"""What can go wrong with a private server, each said in words that a person can act on."""

from pathlib import Path

from postbox.embedded.process import tail
from postbox.errors import PostboxError


class EmbeddedError(PostboxError):
    """A private server cannot do what was asked."""


class ServerMissing(EmbeddedError):
    """mongod or RabbitMQ is not on this machine."""


class NotReady(EmbeddedError):
    """A program did not become ready in time."""

    def __init__(self, name: str, lacks: str, log: Path) -> None:
        super().__init__(f"{name} is not ready: {lacks}\n--- the end of {log}:\n{tail(log)}")
        self.name = name
