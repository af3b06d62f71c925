"""HTTP/1.1 by uvicorn and httptools, within limits that they do not have.

httptools bounds neither the head of a request nor the time that it takes to come; uvicorn bounds
the time between two requests, and neither that before the first one nor a request's own.
"""

from enum import Enum, auto
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from postbox.service.edge.connections import Connections
from postbox.service.edge.problems import (
    HEAD_TOO_LARGE,
    MALFORMED_REQUEST,
    PROBLEM_JSON,
    RETRY_AFTER_S,
    TOO_SLOW,
    UNAVAILABLE,
    ProblemType,
)
from postbox.service.edge.upgrade import Upgrades

FIELD_OVERHEAD_BYTES: Final = len(": \r\n")


class _Stage(Enum):
    """How much of the newest request is there."""

    NOTHING = auto()
    HEAD = auto()  # some of its head
    BODY = auto()  # its head, and some of its body
    ALL = auto()


class BoundedProtocol(HttpToolsProtocol):
    """One connection, which tells `connections` when it waits for its client."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._limits = connections.limits
        self._stage = _Stage.NOTHING
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._refusal = MALFORMED_REQUEST
        self._upgrades = Upgrades()

    @property
    def can_make_room(self) -> bool:
        return self._is_unanswered

    @property
    def _is_unanswered(self) -> bool:
        """Whether no request that came whole, or began to be answered, is under way."""
        if self.pipeline:
            return False
        if self.cycle is None or self.cycle.response_complete:
            return True
        return self._stage is _Stage.BODY and not self.cycle.response_started

    def make_room(self) -> None:
        self.transport.close()

    def waited_too_long(self) -> None:
        """Say so if a request is on its way; at last drop what the client does not take."""
        if self.flow.write_paused or self.transport.is_closing():
            self.transport.abort()
            return
        self._connections.waits(self, self._limits.unread_s)
        if self._stage in (_Stage.HEAD, _Stage.BODY):
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if not self._connections.opened(self):
            self._refuse(UNAVAILABLE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._stage is _Stage.HEAD
        if self._stage is not _Stage.BODY:
            data = self._upgrades.hidden(data, begins=not was_in_head)
        if data:
            super().data_received(data)
        if was_in_head and self._stage is _Stage.HEAD:
            self._unparsed_bytes += len(data)
            if self._unparsed_bytes > self._limits.head_bytes_max:
                self._refuse(HEAD_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._report()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._report()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage = _Stage.HEAD
        self._head_bytes = self._unparsed_bytes = 0
        self._report()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + FIELD_OVERHEAD_BYTES)
        if self._stage is _Stage.HEAD:  # else it comes after the body, and could pose as a header
            super().on_header(name, value)
            if len(self.headers) > self._limits.headers_max:
                self._too_large()

    def on_headers_complete(self) -> None:
        names = [name for name, _ in self.headers]
        if names.count(b"host") > 1 or any(
            name == b"transfer-encoding" and value.lower() != b"chunked"
            for name, value in self.headers
        ):
            raise ValueError(MALFORMED_REQUEST.title)  # others on the way may read it otherwise
        self._stage = _Stage.BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stage = _Stage.ALL
        super().on_message_complete()
        self._report()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._stage is _Stage.ALL:
            self._report()

    def _report(self) -> None:
        """Whom this connection waits for, after something changed."""
        if self.flow.write_paused:
            self._connections.waits(self, self._limits.unread_s)
        elif self._stage in (_Stage.HEAD, _Stage.BODY):
            self._connections.waits(self, self._limits.request_s)
        elif self.cycle is None or self.cycle.response_complete:
            self._connections.waits(self, self._limits.idle_s)
        else:
            self._connections.works(self)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes_max:
            self._too_large()

    def _too_large(self) -> None:
        """Ends the parsing, for which `send_400_response` is called."""
        self._refusal = HEAD_TOO_LARGE
        raise ValueError(HEAD_TOO_LARGE.title)

    def _refuse(self, kind: ProblemType) -> None:
        """Answer what has not come to be a request, and close; never as another one's answer."""
        if self._is_unanswered:
            self.transport.write(_answer(kind))
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.close()


def _answer(kind: ProblemType) -> bytes:
    body = orjson.dumps(kind.problem().body)
    lines = [
        f"content-type: {PROBLEM_JSON}",
        f"content-length: {len(body)}",
        *([f"retry-after: {RETRY_AFTER_S}"] if kind is UNAVAILABLE else []),
        "connection: close",
    ]
    head = "".join(f"{line}\r\n" for line in lines).encode()
    return STATUS_LINE[kind.status] + head + b"\r\n" + body
