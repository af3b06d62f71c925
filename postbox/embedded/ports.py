"""Free loopback ports for programs that come and go on the same address.

POSTBOX_PORTS, such as 15000-19999, keeps to a part of them: whoever runs several stacks at once,
each with programs that go down and come back, gives each a part of its own.
"""

import os
import random
import socket
from typing import Final

from postbox.embedded.errors import EmbeddedError

LOOPBACK: Final = "127.0.0.1"
PART: Final = "POSTBOX_PORTS"

# Below the range from which the kernel draws the ports of outgoing connections: there, a client
# could be given the port of a server that is just restarting, and even connect to itself on it.
LOWEST: Final = 15_000
HIGHEST: Final = 29_999
TRIES_MAX: Final = 200

_given: Final[set[int]] = set()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on now, and that this process was not given before: whoever was
    may be about to use it. Random, so that two stacks that start together differ."""
    lowest, highest = _range()
    draw = random.SystemRandom()
    for _ in range(TRIES_MAX):
        port = draw.randint(lowest, highest)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise EmbeddedError(f"no free port between {lowest} and {highest} after {TRIES_MAX} tries")


def _range() -> tuple[int, int]:
    text = os.environ.get(PART, f"{LOWEST}-{HIGHEST}")
    lowest, _, highest = text.partition("-")
    if not (lowest.isdecimal() and highest.isdecimal() and int(lowest) <= int(highest)):
        raise EmbeddedError(f"{PART}={text}: expected two ports, such as 15000-19999")
    return int(lowest), int(highest)
