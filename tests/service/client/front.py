"""A proxy before the gateway that misbehaves as told, and remembers what it was asked."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from postbox.service import application, serve
from stack.servers.ports import LOOPBACK, free_port

PASSED_ON = ("content-type", "etag", "idempotent-replayed", "retry-after", "traceresponse")


class Cut(Exception):
    """The line breaks here."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    status: int

    @property
    def is_stream(self) -> bool:
        return self.path.endswith("/events")


@dataclass
class Front:
    """`instead` holds answers to give in the gateway's place, one a request."""

    gateway: str
    url: str
    http: httpx.AsyncClient
    asked: list[Asked] = field(default_factory=list)
    instead: deque[Response] = field(default_factory=deque)
    cuts_streams: bool = False
    """Each stream breaks after its first event."""
    holds_streams_back: bool = False
    """Streams are opened, and nothing of them comes through."""

    def streams(self) -> list[Asked]:
        return [one for one in self.asked if one.is_stream]

    async def answer(self, request: Request) -> Response:
        headers = dict(request.headers)
        if self.instead:
            answer = self.instead.popleft()
            self._remember(request, answer.status_code)
            return answer
        headers.pop("host")
        passed = self.http.build_request(
            request.method,
            self.gateway + request.scope["raw_path"].decode(),
            params=request.url.query.encode(),
            content=await request.body(),
            headers=headers,
        )
        answered = await self.http.send(passed, stream=True)
        self._remember(request, answered.status_code)
        told = {name: answered.headers[name] for name in PASSED_ON if name in answered.headers}
        return StreamingResponse(self._content(request, answered), answered.status_code, told)

    def _remember(self, request: Request, status: int) -> None:
        self.asked.append(Asked(request.method, request.url.path, dict(request.headers), status))

    async def _content(self, request: Request, answer: httpx.Response) -> AsyncIterator[bytes]:
        is_stream = request.url.path.endswith("/events")
        try:
            if is_stream and self.holds_streams_back:
                await asyncio.Event().wait()
            async for chunk in answer.aiter_raw():
                yield chunk
                if is_stream and self.cuts_streams and b"data:" in chunk:
                    raise Cut
        finally:
            await answer.aclose()


@asynccontextmanager
async def front(gateway: str) -> AsyncIterator[Front]:
    stop, port = asyncio.Event(), free_port()
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        proxy = Front(gateway, f"http://{LOOPBACK}:{port}", http)
        app = application([Route("/{path:path}", proxy.answer, methods=["GET", "POST"])])
        serving = asyncio.create_task(serve(app, port, stop, host=LOOPBACK))
        try:
            yield proxy
        finally:
            stop.set()
            await serving
