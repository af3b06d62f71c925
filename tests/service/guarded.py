"""A gateway that asks for tokens, beside the stack's own, on the same databases and queues."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from stack.servers.ports import LOOPBACK, free_port
from stack.supervision.process import ROOT
from tests.eventually import eventually
from tests.service.access.issuer import AUDIENCE, NAME, Issuer
from tests.service.booking_system import PRICE, BookingSystem

ORIGIN: Final = "https://shop.example"


class Guarded:
    """The gateway, as somebody with a token sees it, or somebody with none."""

    def __init__(self, url: str, issuer: Issuer, shared_system: BookingSystem) -> None:
        self.url = url
        self.issuer = issuer
        self.shared_system = shared_system

    async def ask(
        self, method: str, path: str, token: str | None, **request: Any
    ) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.send(method, path, headers, **request)

    async def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        return await self.shared_system.http.request(
            method, self.url + path, headers=headers, **request
        )

    async def book(
        self, token: str | None, *, key: str | None = None, **fields: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        keyed = {**headers, "Idempotency-Key": key} if key else headers
        return await self.send("POST", "/booking/intent", keyed, json={"amount": PRICE, **fields})

    async def written(self) -> dict[str, int]:
        """How much there is of all that only a request to a gateway makes."""
        written = await self.shared_system.written()
        return {name: count for name, count in written.items() if name.startswith("gateway.")}

    async def booked(self, user: str, **fields: Any) -> str:
        answer = await self.book(self.issuer.token(user), **fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["intentId"])


@asynccontextmanager
async def guarded(
    shared_system: BookingSystem, issuer: Issuer, location: str
) -> AsyncIterator[Guarded]:
    """A gateway that has its issuer's keys from `location`."""
    port = free_port()
    environment = {
        "MONGO_URI": shared_system.stack.info.mongo.uri.replace("/?", "/gateway?"),
        "RABBITMQ_URI": shared_system.stack.info.rabbitmq.uri,
        "GATEWAY_PORT": str(port),
        "GATEWAY_AUTH": "jwt",
        "JWT_JWKS": location,
        "JWT_ISSUER": NAME,
        "JWT_AUDIENCE": AUDIENCE,
        "GATEWAY_CORS_ORIGINS": f"https://other.example, {ORIGIN}",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.gateway"),
        cwd=ROOT,
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://{LOOPBACK}:{port}"

    async def is_ready() -> bool:
        assert process.returncode is None
        try:
            return (await shared_system.http.get(f"{url}/readyz")).is_success
        except httpx.TransportError:
            return False

    try:
        await eventually(is_ready, every_s=0.1)
        yield Guarded(url, issuer, shared_system)
    finally:
        process.terminate()
        await process.wait()
