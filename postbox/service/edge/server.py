"""The HTTP server of every program: uvicorn, within limits, until it is asked to stop."""

import asyncio
import contextlib
import functools
import math
import socket
from collections.abc import Iterator, Sequence
from typing import Final, cast

import structlog
import uvicorn
from starlette.applications import Starlette

from postbox.errors import ConfigurationError
from postbox.service.edge.connections import Connections
from postbox.service.edge.limits import LIMITS, HttpLimits
from postbox.service.edge.protocol import BoundedProtocol

log: Final = structlog.get_logger()
GRACE_S: Final = 5
BACKLOG: Final = 1_024


class _Server(uvicorn.Server):
    """uvicorn, but signals are the program's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on port {port}: {error.strerror}") from error


async def serve(
    app: Starlette,
    port: int,
    stop: asyncio.Event,
    *,
    host: str = "0.0.0.0",
    limits: HttpLimits = LIMITS,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve `app` until `stop` is set, then answer what is under way and return.

    `trusted_proxies` are addresses and networks, whose X-Forwarded-For says where a request is
    from. What others send of that kind is not heeded.
    """
    listening = _listen(host, port)
    log.info("listening", host=host, port=listening.getsockname()[1])
    connections = Connections(limits.within_open_files())
    server = _Server(
        uvicorn.Config(
            app,
            loop="none",
            # uvicorn only ever calls it.
            http=cast(type[asyncio.Protocol], functools.partial(BoundedProtocol, connections)),
            ws="none",
            lifespan="off",
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_keep_alive=math.ceil(limits.idle_s),
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    watching = asyncio.create_task(connections.watch())
    serving = asyncio.ensure_future(server.serve([listening]))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopped.cancel()
    try:
        await serving
    finally:
        watching.cancel()
