"""Latency of bookings at low rates; how many a second there can be; latency at half of that."""

import asyncio
from collections.abc import Mapping
from typing import Final

from bench.bookings.customers import Customers, at_once
from bench.bookings.load import CONNECTIONS_MAX, connected, running, steady
from bench.bookings.requests import BookingFactory
from bench.bookings.verify import verify
from bench.bookings.views import watched
from bench.process import CpuMeter, rss_mb_max
from bench.report.statistics import percentiles_ms
from bench.workbench import Figures, Workbench
from stack.layout import APPLICATIONS

PER_S_MAX: Final = 1_500
"""More than this cannot be made: the stock of requests ends."""
SERVERS: Final = ("mongo", "rabbitmq")


async def measure(bench: Workbench) -> Figures:
    scale = bench.scale
    bench.say("bookings: starting the programs")
    async with running(bench) as factory:
        customers = Customers()
        async with watched(bench.client["gateway"], customers.on_confirmed):
            figures = await _idle(bench)
            for per_s, seconds in scale.steady_s:
                name = f"bookings.at_{per_s}_per_s"
                figures |= await _steady(bench, customers, factory, name, per_s, seconds)
            figures |= await _saturate(bench, customers, factory)
            half = figures["bookings.per_s"] / 2
            seconds = scale.half_load_s
            at_half = await _steady(bench, customers, factory, "bookings", half, seconds)
            figures = at_half | figures  # the CPU of a booking is that at full load
        bench.say(f"bookings: checking all {len(customers.confirmed):,} of them")
        await verify(bench, customers.confirmed)
        return figures | _memory(bench)


async def _idle(bench: Workbench) -> Figures:
    """What all programs cost while nobody books."""
    meter = CpuMeter(bench.pids(*APPLICATIONS, *SERVERS))
    await asyncio.sleep(bench.scale.idle_s)
    by_program = {
        f"bookings.idle_cpu_ms_per_s.{name}": one_s / bench.scale.idle_s * 1000
        for name, one_s in meter.spent_s().items()
    }
    return {"bookings.idle_cpu_ms_per_s": sum(by_program.values()), **by_program}


async def _saturate(bench: Workbench, customers: Customers, factory: BookingFactory) -> Figures:
    scale = bench.scale
    seconds = scale.warm_up_s + scale.saturation_s
    bench.say(f"bookings: {scale.in_flight} customers at once for {seconds:g} s")
    stock = list(factory.bookings(int(PER_S_MAX * seconds)))
    meter = CpuMeter(bench.pids(*APPLICATIONS, *SERVERS))
    connections = min(scale.in_flight, CONNECTIONS_MAX)
    async with connected(bench.stack.info, connections) as pools:
        customers.use(*pools)
        times_s = await at_once(customers, iter(stock), in_flight=scale.in_flight, seconds=seconds)
        requests = sum(pool.requests for pool in pools)
    spent_s, others = meter.spent_s(), meter.others_share()
    measured = sum(scale.warm_up_s <= at_s < seconds for at_s in times_s)
    return {
        "bookings.per_s": measured / scale.saturation_s,
        **_cpu_ms("bookings.cpu_ms_per_booking", spent_s, len(times_s)),
        "bookings.load_cpu_ms_per_request": meter.own_s() / requests * 1000,
        "bookings.cpu_percent_of_others": others * 100,
    }


async def _steady(
    bench: Workbench,
    customers: Customers,
    factory: BookingFactory,
    name: str,
    per_s: float,
    seconds: float,
) -> Figures:
    """The latency of `per_s` new bookings a second, and what one costs then."""
    meter = CpuMeter(bench.pids(*APPLICATIONS, *SERVERS))
    took_s = await steady(bench, customers, factory, per_s, seconds)
    spent_s = meter.spent_s()
    return {
        f"{name}.steady_per_s": per_s,
        **percentiles_ms(name, took_s),
        **_cpu_ms(f"{name}.cpu_ms_per_booking", spent_s, len(took_s)),
    }


def _cpu_ms(name: str, spent_s: Mapping[str, float], bookings: int) -> Figures:
    """Of one booking, in all and by program."""
    by_program = {f"{name}.{one}": one_s / bookings * 1000 for one, one_s in spent_s.items()}
    return {name: sum(by_program.values()), **by_program}


def _memory(bench: Workbench) -> Figures:
    largest = {name: rss_mb_max(pid) for name, pid in bench.pids(*APPLICATIONS).items()}
    return {
        "programs.rss_mb_max": max(largest.values()),
        **{f"programs.rss_mb_max.{name}": mb for name, mb in largest.items()},
    }
