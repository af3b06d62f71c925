"""The provider simulator as a process of its own, that a test can kill and start again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

LIMIT_S: Final = 30.0
POLL_EVERY_S: Final = 0.01
WEBHOOK_SECRET: Final = f"whsec_{b64encode(b'secret of the provider tests').decode()}"


async def eventually(holds: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Poll until it holds; fail after LIMIT_S."""
    until = time.monotonic() + LIMIT_S
    while True:
        outcome = holds()
        if outcome if isinstance(outcome, bool) else await outcome:
            return
        assert time.monotonic() < until, f"not within {LIMIT_S} s"
        await asyncio.sleep(POLL_EVERY_S)


def order(**changes: Any) -> dict[str, Any]:
    """A charge's body for an intent of its own."""
    body = {"intentId": f"intent-{uuid4()}", "userId": "u1", "amount": 1_000, "currency": "EUR"}
    return body | changes


def card(**changes: Any) -> dict[str, Any]:
    """A capture's body."""
    return order(paymentMethod="card") | changes


class Simulator:
    def __init__(self, folder: Path, port: int, webhook_url: str, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **environment,
            "PROVIDER_PORT": str(port),
            "PROVIDER_DB": str(folder / "provider.db"),
            "WEBHOOK_URL": webhook_url,
            "WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        self.client = httpx.AsyncClient(base_url=self.url, timeout=LIMIT_S)
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.process = launch(self.environment, errors=None)
        await eventually(self._ready)

    async def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the simulator ended: {self.process.returncode}"
        try:
            return (await self.client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(LIMIT_S)

    async def kill_and_start(self) -> None:
        self.stop(signal.SIGKILL)
        await self.start()

    async def charge(self, **changes: Any) -> httpx.Response:
        return await self.client.post("/charges", json=order(**changes))

    async def paid(self, **changes: Any) -> str:
        """A new charge's paymentId."""
        response = await self.charge(**changes)
        assert response.status_code == 201, response.text
        return str(response.json()["paymentId"])

    async def capture(self, body: dict[str, Any], key: str, **options: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        return await self.client.post("/captures", json=body, headers=headers, **options)

    async def refund(
        self, payment_id: str, amount: int, key: str, currency: str = "EUR"
    ) -> httpx.Response:
        body = {"paymentId": payment_id, "amount": amount, "currency": currency}
        return await self.client.post("/refunds", json=body, headers={"Idempotency-Key": key})

    async def dispute(self, payment_id: str, amount: int) -> httpx.Response:
        return await self.client.post("/disputes", json={"paymentId": payment_id, "amount": amount})

    async def close(self, dispute_id: str, outcome: str) -> httpx.Response:
        return await self.client.post(f"/disputes/{dispute_id}", json={"outcome": outcome})

    async def arm(self, **faults: dict[str, Any]) -> None:
        response = await self.client.put("/faults", json=faults)
        assert response.status_code == 200, response.text

    async def charges_of(self, intent_id: str) -> list[dict[str, Any]]:
        ledger = (await self.client.get("/ledger")).json()
        return [one for one in ledger["charges"] if one["intentId"] == intent_id]

    async def refunds_of(self, payment_id: str) -> list[dict[str, Any]]:
        ledger = (await self.client.get("/ledger")).json()
        return [one for one in ledger["refunds"] if one["paymentId"] == payment_id]


def launch(
    environment: dict[str, str], *arguments: str, errors: int | None = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """`errors=None` shows what it complains of in the test's own output."""
    inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    return subprocess.Popen(
        [sys.executable, "-m", "stack.provider", *arguments],
        env=inherited | environment,
        stdout=subprocess.PIPE if errors else None,
        stderr=errors,
    )
