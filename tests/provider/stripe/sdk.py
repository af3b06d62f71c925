"""Stripe's own SDK at the simulator's second door, as any program of its users has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import stripe

API_KEY: Final = "sk_test_simulator"
STRIPE_SECRET: Final = "whsec_of_the_simulators_second_door"
STRIPE: Final = {"STRIPE_API_KEY": API_KEY, "STRIPE_WEBHOOK_SECRET": STRIPE_SECRET}


@asynccontextmanager
async def client(url: str, *, api_key: str = API_KEY) -> AsyncIterator[stripe.StripeClient]:
    """A client that is told of another address, and of nothing else."""
    transport = stripe.HTTPXClient(timeout=10.0)
    yield stripe.StripeClient(
        api_key, base_addresses={"api": url}, max_network_retries=0, http_client=transport
    )
    await transport.close_async()  # type: ignore[no-untyped-call]
