"""Everything dies at random while customers book and pay, and nothing is lost."""

import asyncio
import os
import random
from pathlib import Path
from time import monotonic
from typing import Final

import httpx
import pytest
from uuid_utils import uuid7

from scenarios.checker import check
from stack.embedded import Stack

VICTIMS: Final = ("gateway", "booking", "payment", "relay", "provider", "mongo", "rabbitmq")
KILLS: Final = 14
KILL_EVERY_S: Final = (0.5, 2.0)
CUSTOMERS: Final = 6
PRICE: Final = 4200
ACCEPT_LIMIT_S: Final = 45.0
REST_LIMIT_S: Final = 30.0


@pytest.mark.fault(28, "every program and server is killed at random, under load")
@pytest.mark.timeout(300)
async def test_whatever_is_killed_whenever_every_booking_ends_right(tmp_path: Path) -> None:
    """Goal: I1 to I8 after at most 30 s of rest, whatever was killed at whatever moment.

    Method: SIGKILL to one of the seven processes at a time, at moments drawn from a printed seed,
    while customers book and pay, each sending again with its own key until it has an answer; of
    some payments the half, or all, is refunded at the provider, and some are disputed and lost.
    """
    seed = int(os.environ.get("POSTBOX_SEED") or random.SystemRandom().randrange(2**32))
    print(f"POSTBOX_SEED={seed}")
    chance = random.Random(seed)
    async with Stack(tmp_path, env={"PAYMENT_TIMEOUT_S": "60", "INTENT_TIMEOUT_S": "60"}) as stack:
        over = asyncio.Event()
        async with httpx.AsyncClient(timeout=10) as http, asyncio.TaskGroup() as group:
            info = stack.info
            customers = [
                group.create_task(_customer(http, info.gateway.url, info.provider.url, over))
                for _ in range(CUSTOMERS)
            ]
            for _ in range(KILLS):
                await stack.kill(chance.choice(VICTIMS))
                # The moment of the next kill is what is drawn here, not something waited for.
                await asyncio.sleep(chance.uniform(*KILL_EVERY_S))
            over.set()
        accepted = [intent for customer in customers for intent in customer.result()]
        assert len(accepted) >= CUSTOMERS
        await stack.ready(*VICTIMS)
        report = await check(stack, settle_s=REST_LIMIT_S)
        assert report.ok, f"POSTBOX_SEED={seed}: {report}"
        assert report.bookings == len(accepted)


async def _customer(
    http: httpx.AsyncClient, gateway: str, provider: str, over: asyncio.Event
) -> list[str]:
    """Books and pays, one after another, until it is over; returns what was accepted."""
    accepted: list[str] = []
    while not over.is_set():
        intent_id, payment_id = f"i-{uuid7().hex}", f"p-{uuid7().hex}"
        intent = {"intentId": intent_id, "userId": "ada", "amount": PRICE, "currency": "USD"}
        await _until(http, f"{gateway}/booking/intent", intent, 202)
        accepted.append(intent_id)
        await _until(http, f"{provider}/charges", {**intent, "paymentId": payment_id}, 201)
        await _move_elsewhere(http, provider, payment_id, how=len(accepted) % 4)
    return accepted


async def _move_elsewhere(
    http: httpx.AsyncClient, provider: str, payment_id: str, *, how: int
) -> None:
    """Nothing, a refund of the half or of all, or a dispute that is lost; 422 where too late."""
    if how in (1, 2):
        order = {"paymentId": payment_id, "amount": PRICE * how // 2, "currency": "USD"}
        key = f"dashboard-{payment_id}"
        await _until(http, f"{provider}/refunds", order, 201, 422, key=key)
    elif how == 3:
        order = {"paymentId": payment_id, "amount": PRICE}
        await _until(http, f"{provider}/disputes", order, 201, 422)
        ledger = (await _until(http, f"{provider}/charges/{payment_id}", None, 200)).json()
        for one in ledger["disputes"]:
            url = f"{provider}/disputes/{one['disputeId']}"
            await _until(http, url, {"outcome": "lost"}, 200)


async def _until(
    http: httpx.AsyncClient,
    url: str,
    body: dict[str, object] | None,
    *expected: int,
    key: str | None = None,
) -> httpx.Response:
    """Send again until it was accepted: the repeat is known by its id or key. None is a GET."""
    headers = {"Idempotency-Key": key} if key else {}
    method = "GET" if body is None else "POST"
    until = monotonic() + ACCEPT_LIMIT_S
    while True:
        try:
            answer = await http.request(method, url, json=body, headers=headers)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code in (*expected, 200):
            return answer
        assert answer is None or answer.status_code == 503, answer.text
        assert monotonic() < until, f"not accepted within {ACCEPT_LIMIT_S} s"
        await asyncio.sleep(0.1)
