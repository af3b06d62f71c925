"""Connections to RabbitMQ: one connection is one life.

A connection that breaks is discarded with all that depends on it (channels, delivery tags,
unconfirmed publishes), and its user starts again on a new one. Nothing is restored in secret.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import Connection
from aiormq.abc import AbstractChannel as RawChannel

from postbox.errors import BrokerUnavailable, ConfigurationError
from postbox.rabbitmq import decoding_repair, receiver  # noqa: F401 - for what they put into aiormq and pamqp
from postbox.tls import in_plain_words
from postbox.wait_for import repair_wait_for, wait_for

CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
HEARTBEAT_S = 10
TLS_FILES = "cafile, certfile or keyfile"

BROKER_ERRORS = (aiormq.AMQPError, ConnectionError, OSError, TimeoutError, RuntimeError)
"""What a lost or refused connection looks like (RuntimeError: the transport is already closed)."""

repair_wait_for(aiormq.tools, aiormq.connection)


@contextmanager
def broker_errors(doing: str) -> Iterator[None]:
    """Turn what a lost connection raises into BrokerUnavailable, saying what we were doing."""
    try:
        yield
        _heed_cancellation()
    except BROKER_ERRORS as error:
        _heed_cancellation()
        raise BrokerUnavailable(f"{doing}: {_said(error)}") from error
    except asyncio.CancelledError as error:
        # aiormq cancels the calls that are under way when it closes: that is not our cancellation,
        # and taken for it, it would end a task in silence.
        _heed_cancellation()
        raise BrokerUnavailable(f"{doing}: the connection was closed") from error


def _said(error: BaseException) -> str:
    """What is wrong, in plain words or the broker's own."""
    for one in (error, error.__cause__):
        if isinstance(one, ssl.SSLError):
            return in_plain_words(str(one))
    if isinstance(error, FileNotFoundError | PermissionError):
        return f"{TLS_FILES} in RABBITMQ_URI: {error.strerror}"
    if type(error) is aiormq.exceptions.AMQPConnectionError:
        return str(error)
    return f"{type(error).__name__}: {error}"


def _heed_cancellation() -> None:
    """Raise the CancelledError that aiormq swallowed: its time limits lose one now and then."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class _Closing(Connection):
    """One that cannot be opened is closed, and none by the garbage collector, as aio-pika has it:
    that may run where no loop does, and then warns of a coroutine that was never awaited."""

    def __del__(self) -> None: ...

    async def connect(self, timeout: float | None = None) -> None:
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise


@asynccontextmanager
async def connected(uri: str, *, name: str) -> AsyncIterator[AbstractConnection]:
    """One connection, for as long as the block runs. BrokerUnavailable if it cannot be had."""
    if not uri.startswith(("amqp://", "amqps://")):
        raise ConfigurationError("RABBITMQ_URI: expected amqp://... or amqps://...")
    # Cancelled half-way, aio_pika leaves open what it has by then: so it is never cancelled, and
    # whoever no longer waits for a connection has it closed when it comes.
    connecting = asyncio.ensure_future(
        aio_pika.connect(
            uri,
            timeout=CONNECT_TIMEOUT_S,
            client_properties={"connection_name": name},
            heartbeat=HEARTBEAT_S,
            connection_class=_Closing,
        )
    )
    try:
        with broker_errors("connecting to RabbitMQ"):
            connection = await asyncio.shield(connecting)
        yield connection
    finally:
        if connecting.done():
            await _close(connecting)
        else:
            _abandon(connecting)


_abandoned: set[asyncio.Task[None]] = set()


def _abandon(connecting: "asyncio.Future[_Closing]") -> None:
    """Close the connection once it stands, within CONNECT_TIMEOUT_S, although nobody waits."""
    closing = asyncio.create_task(_close(connecting))
    _abandoned.add(closing)
    closing.add_done_callback(_abandoned.discard)


async def _close(connecting: "asyncio.Future[_Closing]") -> None:
    with suppress(BrokerUnavailable), broker_errors("closing the connection"):
        connection = await connecting
        await wait_for(connection.close(), CLOSE_TIMEOUT_S)


async def raw_channel(channel: AbstractChannel) -> RawChannel:
    """The aiormq channel beneath: batched publishing and acknowledging need its frames."""
    return await channel.get_underlay_channel()
