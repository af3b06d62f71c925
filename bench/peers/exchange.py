"""One kept-alive connection that is opened again when it breaks: for customers who insist."""

import asyncio
import re
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

AGAIN_S: Final = 0.05
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD_END: Final = b"\r\n\r\n"
_STATUS: Final = slice(9, 12)
_NO_SUCH: Final = (404, 409)
"""Of a workflow that is not there yet, or is just being recovered."""
_SERVER_ERROR: Final = 500


class Exchange:
    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address = address.hostname or "", address.port or 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def insist(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of an answer; asked for again while the server fails or is
        away, without end."""
        while True:
            try:
                status, body = await self._exchange(request)
            except (OSError, EOFError):
                self._close()
            else:
                if status < _SERVER_ERROR and status not in _NO_SUCH:
                    return status, body
            await asyncio.sleep(AGAIN_S)

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(_HEAD_END)
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        return int(head[_STATUS]), body

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
