"""Bookings that flow while things break: customers who book, pay, cancel, and ask again.

A customer whose request was not answered sends it again under the same Idempotency-Key, as a real
client does; so every intent is accepted in the end, exactly once.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import httpx
from uuid_utils import uuid7

from tests.integration.system import System

EVERY_S: Final = 0.12
REQUEST_LIMIT_S: Final = 8.0
AGAIN_AFTER_S: Final = 0.2
PERSISTENCE_S: Final = 60.0
PRICE: Final = 5_000
CUSTOMERS_MAX: Final = 2_000
KINDS: Final = ("pays", "pays", "pays by card", "pays too little", "pays, then cancels")


@dataclass
class Flow:
    """`intents` were accepted; `refusals` were answers of 5xx, where any gateway gave one;
    `refused` are requests that no gateway took in the first round."""

    system: System
    seed: int
    gateways: Sequence[str] = ("gateway",)
    every_s: float = EVERY_S
    intents: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._stop = asyncio.Event()
        self._customers: set[asyncio.Task[None]] = set()
        self._prefix = uuid7().hex[-10:]
        self._client = httpx.AsyncClient(
            timeout=REQUEST_LIMIT_S,
            # A kept connection may be to a container that was killed since.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run(), name="flow")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """No new customer comes; those who have begun are served."""
        self._stop.set()
        assert self._running is not None
        await self._running
        try:
            await asyncio.gather(*self._customers)
        finally:
            await self._client.aclose()

    async def _run(self) -> None:
        for number in range(CUSTOMERS_MAX):
            customer = asyncio.create_task(self._customer(f"{self._prefix}-{number}"))
            self._customers.add(customer)
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._stop.wait(), self._random.expovariate(1 / self.every_s)
                )
            if self._stop.is_set():
                return

    async def _customer(self, intent: str) -> None:
        kind = self._random.choice(KINDS)
        # The customer's own trace: asking again, they are still in it.
        trace = f"00-{self._random.randbytes(16).hex()}-{self._random.randbytes(8).hex()}-01"
        body: dict[str, Any] = {"intentId": intent, "userId": "ada", "amount": PRICE}
        if kind == "pays by card":
            body["paymentMethod"] = "card"
        await self._until_accepted("/booking/intent", body, f"intent:{intent}", trace)
        self.intents.add(intent)
        if kind != "pays by card":
            await self._pay(intent, PRICE - 1 if kind == "pays too little" else PRICE, trace)
        if kind == "pays, then cancels":
            await self._until_accepted(f"/booking/{intent}/cancel", {}, f"cancel:{intent}", trace)

    async def _pay(self, intent: str, amount: int, traceparent: str) -> None:
        """At the provider, once: a named payment that is ordered again is the same one."""
        charge = {
            "intentId": intent,
            "userId": "ada",
            "amount": amount,
            "currency": "USD",
            "paymentId": f"pay-{intent}",
            "metadata": {"traceparent": traceparent},
        }
        url = f"{self.system.url('provider')}/charges"
        await self._until_success(url, charge, {})

    async def _until_accepted(self, path: str, body: dict[str, Any], key: str, trace: str) -> None:
        await self._until_success(path, body, {"Idempotency-Key": key, "traceparent": trace})

    async def _until_success(
        self, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> None:
        """Each gateway is tried in turn, as a load balancer would."""
        deadline = asyncio.get_running_loop().time() + PERSISTENCE_S
        turn = self._random.randrange(len(self.gateways))
        while True:
            for offset in range(len(self.gateways)):
                gateway = self.gateways[(turn + offset) % len(self.gateways)]
                url = path if path.startswith("http") else self.system.url(gateway) + path
                try:
                    reply = await self._client.post(url, json=body, headers=headers)
                except httpx.HTTPError:
                    continue  # nobody is there, or was for long enough to answer: the next one
                if reply.is_success:
                    return
                assert reply.status_code >= 500, f"{url}: {reply.status_code} {reply.text}"
                self.refusals.append(f"{url}: {reply.status_code} {reply.text}")
            self.refused.append(path)
            assert asyncio.get_running_loop().time() < deadline, f"{path} was never accepted"
            await asyncio.sleep(AGAIN_AFTER_S)
