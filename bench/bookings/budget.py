"""Where a booking's time goes: each hop, waiting and working, at several rates.

The programs' own spans tell it. A few flows a second are recorded, whatever the rate, so that what
is measured is hardly slower than what is not.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from bench.bookings.customers import Customers, at_once
from bench.bookings.hops import cut, flow_of
from bench.bookings.load import CONNECTIONS_MAX, connected, running, steady
from bench.bookings.requests import Booking, BookingFactory
from bench.bookings.verify import verify
from bench.bookings.views import watched
from bench.errors import BenchFailed
from bench.report.statistics import percentile
from bench.workbench import Figures, Workbench, until
from scenarios.tracing.otlp import Receiver, Span
from stack.programs import DATABASES

TRACED_PER_S: Final = 10
SAMPLER: Final = {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}
"""Recorded is what its customer wants recorded, and nothing else."""
EXPORT_LIMIT_S: Final = 10.0
PER_S_MAX: Final = 1_500


async def measure(bench: Workbench) -> Figures:
    scale = bench.scale
    for name in DATABASES:  # what others booked before is not judged again
        await bench.client.drop_database(name)
    figures: Figures = {}
    async with Receiver() as receiver, running(bench, receiver.environment | SAMPLER) as factory:
        customers = Customers()
        async with watched(bench.client["gateway"], customers.on_confirmed):
            half = await _full_load(bench, customers, factory) / 2
            rates = [(f"at_{per_s}_per_s", float(per_s), s) for per_s, s in scale.steady_s]
            for name, per_s, seconds in (*rates, ("at_half_load", half, scale.half_load_s)):
                before = len(customers.confirmed)
                every = max(1, round(per_s / TRACED_PER_S))
                await steady(bench, customers, factory, per_s, seconds, traced_every=every)
                booked = customers.confirmed[before:]
                figures |= await _budget(f"budget.{name}", booked, receiver)
                figures[f"budget.{name}.steady_per_s"] = per_s
        await verify(bench, customers.confirmed)
    return figures


async def _full_load(bench: Workbench, customers: Customers, factory: BookingFactory) -> float:
    """As many bookings a second as it takes."""
    scale = bench.scale
    stock = list(factory.bookings(int(PER_S_MAX * scale.warm_up_s)))
    connections = min(scale.in_flight, CONNECTIONS_MAX)
    bench.say(f"budget: {scale.in_flight} customers at once for {scale.warm_up_s:g} s")
    async with connected(bench.stack.info, connections) as pools:
        customers.use(*pools)
        times_s = await at_once(
            customers, iter(stock), in_flight=scale.in_flight, seconds=scale.warm_up_s
        )
    return len(times_s) / max(times_s)


async def _budget(name: str, bookings: Sequence[Booking], receiver: Receiver) -> Figures:
    by_trace = await _exported(bookings, receiver)
    to_wall_s = time.time() - asyncio.get_running_loop().time()
    hops: defaultdict[str, list[float]] = defaultdict(list)
    for booking in bookings:
        flow = flow_of(by_trace.get(booking.trace_id or "", ()))
        if flow is not None:
            began_ns, confirmed_ns = (
                (at_s + to_wall_s) * 1e9 for at_s in (booking.began_s, booking.confirmed_s)
            )
            for key, ms in cut(flow, began_ns=began_ns, confirmed_ns=confirmed_ns):
                hops[key].append(ms)
            hops["whole"].append((confirmed_ns - began_ns) / 1e6)
    if not hops:
        raise BenchFailed("no booking's spans were exported whole")
    return {
        f"{name}.{key}.p{percent}_ms": percentile(ms, percent)
        for key, ms in hops.items()
        for percent in (50, 99)
    }


async def _exported(bookings: Sequence[Booking], receiver: Receiver) -> dict[str, list[Span]]:
    """The spans of each recorded booking, by its trace id, once nothing more is exported."""
    traced = {one.trace_id for one in bookings if one.trace_id}

    async def are_whole() -> bool:
        return all(flow_of(spans) is not None for spans in grouped().values())

    def grouped() -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {trace_id: [] for trace_id in traced}
        for span in receiver.spans:
            if span.trace_id in found:
                found[span.trace_id].append(span)
        return found

    await until(are_whole, "the spans of all recorded bookings", limit_s=EXPORT_LIMIT_S)
    spans = grouped()
    receiver.spans.clear()
    return spans
