"""A minimal HTTP/1.1 client for one URL: keep-alive connections, and of an answer its status alone.

It costs a small part of what a general client does, so that a thousand webhooks a second leave the
machine to those who are measured. At least once: a request on a kept connection that turns out to
be closed is sent again on a new one.
"""

import asyncio
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import httptools


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status: asyncio.Future[int] | None = None
        self.reusable = True

    async def exchange(self, request: bytes) -> int:
        """The answer's status; ConnectionError if the connection breaks before it is whole."""
        self._status = asyncio.get_running_loop().create_future()
        try:
            self.transport.write(request)
            return await self._status
        except asyncio.CancelledError:
            self.transport.abort()  # its answer must not be read as the next request's
            raise
        finally:
            self._status = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface without the base class.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._break(ConnectionError(f"not HTTP: {error}"))

    def on_message_complete(self) -> None:
        self.reusable = self.reusable and self._parser.should_keep_alive()
        if self._status is not None and not self._status.done():
            self._status.set_result(self._parser.get_status_code())
        if not self.reusable:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(ConnectionError(f"closed: {exc or 'by the other side'}"))

    def _break(self, error: ConnectionError) -> None:
        self.reusable = False
        if self._status is not None and not self._status.done():
            self._status.set_exception(error)
        self.transport.abort()


class Endpoint:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host = parts.hostname
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = (
            f"POST {target} HTTP/1.1\r\nhost: {parts.netloc.rpartition('@')[2]}\r\n"
            "content-type: application/json\r\n"
        )
        self._idle: list[Connection] = []

    async def post(self, headers: Mapping[str, str], body: str) -> int:
        """The answer's status; OSError if it cannot be reached. Time limits are the caller's."""
        payload = body.encode()
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{self._head}{fields}content-length: {len(payload)}\r\n\r\n"
        request = head.encode() + payload
        while self._idle:
            connection = self._idle.pop()
            if not connection.reusable:
                continue
            try:
                return await self._exchange(connection, request)
            except ConnectionError:
                continue  # closed by the other side while it was idle
        return await self._exchange(await self._connect(), request)

    async def _exchange(self, connection: Connection, request: bytes) -> int:
        status = await connection.exchange(request)
        if connection.reusable:
            self._idle.append(connection)
        return status

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            Connection, self._host, self._port, ssl=self._tls or None
        )
        return connection
