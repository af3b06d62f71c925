"""A program that ends has sent every span it had; one whose collector is away ends all the same."""

import asyncio
import signal
from collections.abc import Mapping
from time import monotonic

from stack.ports import free_port
from tests.tracing.town import Customer, Town
from tests.tracing.trees import TRIVIAL

LONG_MS = "60000"
TRACED = ("gateway", "booking", "payment", "relay")
EXIT_LIMIT_S = 10.0


async def test_sigterm_sends_what_is_left(town: Town) -> None:
    """Method: export once a minute, so that nothing but the end of the programs can be it."""
    await restarted(town, {"OTEL_BSP_SCHEDULE_DELAY": LONG_MS})
    customer = Customer()
    await town.pay(customer, await town.book(customer))
    await town.becomes(customer, "confirmed")
    await town.settled(customer)
    assert town.traces[customer.trace_id] == []
    await restarted(town, {})
    await town.tree(customer, TRIVIAL)


async def restarted(town: Town, environment: Mapping[str, str]) -> None:
    await asyncio.gather(*(town.stack.restart(program, environment) for program in TRACED))


async def test_a_collector_that_is_away_holds_nobody_up(town: Town) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    await town.stack.restart("gateway", {"OTEL_EXPORTER_OTLP_ENDPOINT": nowhere})
    customer = Customer()
    await town.pay(customer, await town.book(customer))
    await town.becomes(customer, "confirmed")
    began = monotonic()
    await town.stack.hold("gateway", signal.SIGTERM)
    took_s = monotonic() - began
    await town.stack.release("gateway")
    assert took_s < EXIT_LIMIT_S
