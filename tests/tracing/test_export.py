"""A program that ends has sent every span; an unavailable collector does not delay its end."""

import asyncio
import signal
from collections.abc import Mapping
from time import monotonic

from stack.servers.ports import free_port
from tests.tracing.traced_system import Customer, TracedSystem
from tests.tracing.trees import TRIVIAL

LONG_MS = "60000"
TRACED = ("gateway", "booking", "payment", "relay")
EXIT_LIMIT_S = 10.0


async def test_sigterm_sends_what_is_left(system: TracedSystem) -> None:
    """Method: export once a minute, so that nothing but the end of the programs can be it."""
    await restarted(system, {"OTEL_BSP_SCHEDULE_DELAY": LONG_MS})
    customer = Customer()
    await system.pay(customer, await system.book(customer))
    await system.becomes(customer, "confirmed")
    await system.settled(customer)
    assert system.traces[customer.trace_id] == []
    await restarted(system, {})
    await system.tree(customer, TRIVIAL)


async def restarted(system: TracedSystem, environment: Mapping[str, str]) -> None:
    await asyncio.gather(*(system.stack.restart(program, environment) for program in TRACED))


async def test_a_collector_that_is_away_holds_nobody_up(system: TracedSystem) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    await system.stack.restart("gateway", {"OTEL_EXPORTER_OTLP_ENDPOINT": nowhere})
    customer = Customer()
    await system.pay(customer, await system.book(customer))
    await system.becomes(customer, "confirmed")
    began = monotonic()
    await system.stack.hold("gateway", signal.SIGTERM)
    took_s = monotonic() - began
    await system.stack.release("gateway")
    assert took_s < EXIT_LIMIT_S
