"""Free loopback ports for programs that come and go on the same address."""

import random
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"

# Below the range from which the kernel draws the ports of outgoing connections: there, a client
# could be given the port of a server that is just restarting, and even connect to itself on it.
LOWEST: Final = 15_000
HIGHEST: Final = 29_999
TRIES_MAX: Final = 200


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on now. Random, so that two stacks that start together differ."""
    draw = random.SystemRandom()
    for _ in range(TRIES_MAX):
        port = draw.randint(LOWEST, HIGHEST)
        if is_free(port):
            return port
    raise RuntimeError(f"no free port between {LOWEST} and {HIGHEST} after {TRIES_MAX} tries")
