"""The RabbitMQ that runs here, installed where it is missing and that is possible."""

from pathlib import Path

from postbox.embedded import RabbitMQ, ServerMissing, find_rabbitmq
from stack.servers import apt

__all__ = ["RabbitMQ", "ensure_rabbitmq", "find_rabbitmq"]


def ensure_rabbitmq() -> Path:
    """Finds RabbitMQ, installing it where it is missing and that is possible."""
    try:
        return find_rabbitmq()
    except ServerMissing:
        apt.install("rabbitmq-server", why="RabbitMQ is not installed")
    return find_rabbitmq()
