"""Latency of bookings at low rates; how many a second there can be; latency at half of that."""

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
            figures: Figures = {}
            for per_s, seconds in scale.steady_s:
                name = f"bookings.at_{per_s}_per_s"
                figures |= await _steady(bench, customers, factory, name, per_s, seconds)
            figures |= await _saturate(bench, customers, factory)
            half = figures["bookings.per_s"] / 2
            seconds = scale.half_load_s
            figures |= await _steady(bench, customers, factory, "bookings", half, seconds)
        bench.say(f"bookings: checking all {len(customers.confirmed):,} of them")
        await verify(bench, customers.confirmed)
        return figures | _memory(bench)


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
    per_booking = {
        f"bookings.cpu_ms_per_booking.{name}": one_s / len(times_s) * 1000
        for name, one_s in spent_s.items()
    }
    return {
        "bookings.per_s": measured / scale.saturation_s,
        "bookings.cpu_ms_per_booking": sum(spent_s.values()) / len(times_s) * 1000,
        **per_booking,
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
    """The latency of `per_s` new bookings a second."""
    bench.say(f"bookings: {per_s:,.0f} new ones a second for {seconds:g} s")
    took_s = await steady(bench, customers, factory, per_s, seconds)
    return {f"{name}.steady_per_s": per_s, **percentiles_ms(name, took_s)}


def _memory(bench: Workbench) -> Figures:
    largest = {name: rss_mb_max(pid) for name, pid in bench.pids(*APPLICATIONS).items()}
    return {
        "programs.rss_mb_max": max(largest.values()),
        **{f"programs.rss_mb_max.{name}": mb for name, mb in largest.items()},
    }
