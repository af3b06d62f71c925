"""The booking system with Stripe as its payment provider: its own payment service and provider."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import stripe

from stack.servers.ports import LOOPBACK, free_port
from stack.supervision.process import ROOT
from tests.eventually import eventually
from tests.service.booking_system import BookingSystem

API_KEY: Final = "sk_test_of_the_tests"
SECRET: Final = "whsec_of_the_tests"
OLD_SECRET: Final = "whsec_that_is_being_replaced"


class StripeSystem(BookingSystem):
    """`payment` and `provider` are those that speak Stripe's API; all else is the stack's."""

    async def stripe_webhook(
        self,
        body: object,
        *,
        secret: str = SECRET,
        header: str | None = None,
        at: int | None = None,
    ) -> httpx.Response:
        """As Stripe sends it; `header` instead of one that is rightly signed."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        if header is None:
            header = stripe.WebhookSignature.generate_signature_header(content.decode(), secret, at)
        headers = {
            b"content-type": b"application/json",
            b"stripe-signature": header.encode("latin-1"),
        }
        url = f"{self.payment}/payment/stripe"
        return await self.http.post(url, content=content, headers=headers)


@asynccontextmanager
async def stripe_system(shared_system: BookingSystem, folder: Path) -> AsyncIterator[StripeSystem]:
    """In place of the stack's own payment service and provider, which are held meanwhile."""
    ports = {"payment": free_port(), "provider": free_port()}
    urls = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
    info = shared_system.stack.info
    both = {"HTTP_HOST": LOOPBACK, "STRIPE_API_KEY": API_KEY}
    provider = {
        **both,
        "PROVIDER_PORT": str(ports["provider"]),
        "PROVIDER_DB": str(folder / "stripe.db"),
        "WEBHOOK_URL": f"{urls['payment']}/payment/stripe",
        "WEBHOOK_SECRET": info.payment.webhook_secret,
        "STRIPE_WEBHOOK_SECRET": SECRET,
    }
    payment = {
        **both,
        "PAYMENT_PORT": str(ports["payment"]),
        "PAYMENT_PROVIDER": "stripe",
        "STRIPE_BASE_ADDRESS": urls["provider"],
        "STRIPE_WEBHOOK_SECRETS": f"{OLD_SECRET}, {SECRET}",
        "MONGO_URI": info.mongo.uri.replace("/?", "/payment?"),
        "RABBITMQ_URI": info.rabbitmq.uri,
        "PAYMENT_TIMEOUT_S": "5",
        "INTENT_TIMEOUT_S": "5",
        "RECONCILE_INTERVAL_S": "1",
    }
    await shared_system.stack.hold("payment", signal.SIGTERM)
    try:
        async with AsyncExitStack() as running:
            await running.enter_async_context(_program("stack.provider", provider))
            await running.enter_async_context(_program("services.payment", payment))
            system = StripeSystem(shared_system.stack, shared_system.http, shared_system.client)
            system.payment, system.provider = urls["payment"], urls["provider"]
            for url in urls.values():
                await eventually(partial(_is_ready, shared_system.http, url), every_s=0.1)
            yield system
    finally:
        await shared_system.stack.release("payment")
        await shared_system.stack.ready("payment")


@asynccontextmanager
async def _program(module: str, environment: Mapping[str, str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module), cwd=ROOT, env={**os.environ, **environment}
    )
    try:
        yield
        assert process.returncode is None, f"{module} ended"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _is_ready(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(f"{url}/readyz")).is_success
    except httpx.TransportError:
        return False


def event(type_: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a webhook."""
    return {"id": "evt_1", "object": "event", "type": type_, "data": {"object": dict(about)}}
