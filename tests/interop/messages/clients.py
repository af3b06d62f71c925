"""The clients, each a program of its own: so that none of ours is in its process."""

import sys
from importlib.metadata import version
from typing import Any, Final

from tests.interop import toolchains

TITLES: Final = {
    "aio-pika": f"aio-pika {version('aio-pika')}",
    "pika": f"pika {toolchains.PIKA}",
    "kombu": f"kombu {version('kombu')}",
    "FastStream": f"FastStream {version('faststream')}",
    "amqplib": f"amqplib {toolchains.node_version('amqplib')}",
}
INSTALLED: Final = {
    "aio-pika": "aio_pika_client.py",
    "kombu": "kombu_client.py",
    "FastStream": "faststream_client.py",
}
"""Those that are among this project's own packages."""


async def run(client: str, what: str, **variables: str) -> Any:
    """What the program printed. `what` is `write` or `read`."""
    variables |= {"CLIENT": client}
    if client == "amqplib":
        return await toolchains.node("amqplib_client.mjs", what, **variables)
    if client == "pika":
        pinned = f"pika=={toolchains.PIKA}"
        return await toolchains.python("pika_client.py", what, requirements=(pinned,), **variables)
    return await toolchains.script(sys.executable, INSTALLED[client], what, **variables)
