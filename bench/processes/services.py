"""Several processes of each service and of the relay, and whole bookings through them."""

from collections.abc import Sequence
from typing import Final

from bench.bookings.customers import Customers, at_once, at_rate
from bench.bookings.http import Pool
from bench.bookings.load import CONNECTIONS_MAX, pauses, running
from bench.bookings.requests import BookingFactory
from bench.bookings.verify import verify
from bench.bookings.views import watched
from bench.process import CpuMeter
from bench.processes.extra import Extra, extra
from bench.report.statistics import percentiles_ms
from bench.workbench import Figures, Workbench
from stack.layout import APPLICATIONS
from stack.programs import DATABASES

REPEATED: Final = ("gateway", "booking", "payment", "relay")
SERVERS: Final = ("mongo", "rabbitmq")
PER_S_MAX: Final = 1_500
LOW_PER_S: Final = 50
LOW_S: Final = 4.0


async def services(bench: Workbench, count: int) -> Figures:
    """`count` of each: bookings at full load, their CPU, and the latency at 50 a second. The
    checker judges all of them afterwards."""
    bench.say(f"processes: {count} of each service and of the relay")
    for name in DATABASES:  # what others booked before is not judged again
        await bench.client.drop_database(name)
    shards = {"RELAY_SHARDS": str(count)}
    async with (
        running(bench, shards) as factory,
        extra(bench, dict.fromkeys(REPEATED, count - 1), shards) as more,
    ):
        customers = Customers()
        async with watched(bench.client["gateway"], customers.on_confirmed):
            figures = await _full_load(bench, customers, factory, more)
            stock = iter(list(factory.bookings(int(2 * LOW_PER_S * LOW_S))))
            pools = await _connect(bench, more, LOW_PER_S)
            customers.use(*pools)
            took_s = await at_rate(customers, stock, pauses(LOW_PER_S), seconds=LOW_S)
            _close(pools)
        await verify(bench, customers.confirmed)
    measured = {**figures, **percentiles_ms(f"at_{LOW_PER_S}_per_s", took_s)}
    return {f"processes.services_{count}.{key}": value for key, value in measured.items()}


async def _full_load(
    bench: Workbench, customers: Customers, factory: BookingFactory, more: Sequence[Extra]
) -> Figures:
    scale = bench.scale
    seconds = scale.warm_up_s + scale.half_load_s
    stock = list(factory.bookings(int(PER_S_MAX * seconds)))
    pids = bench.pids(*APPLICATIONS, *SERVERS)
    pids |= {f"{one.name} {one.pid}": one.pid for one in more}
    pools = await _connect(bench, more, min(scale.in_flight, CONNECTIONS_MAX))
    customers.use(*pools)
    meter = CpuMeter(pids)
    times_s = await at_once(customers, iter(stock), in_flight=scale.in_flight, seconds=seconds)
    spent_s = meter.spent_s()
    _close(pools)
    measured = sum(scale.warm_up_s <= at_s < seconds for at_s in times_s)
    return {
        "per_s": measured / scale.half_load_s,
        "cpu_ms_per_booking": sum(spent_s.values()) / len(times_s) * 1000,
    }


async def _connect(bench: Workbench, more: Sequence[Extra], size: int) -> tuple[Pool, Pool]:
    """Connections to every gateway, and to every payment service, in turn."""
    info = bench.stack.info
    gateways = [info.gateway.url, *(one.url for one in more if one.name == "gateway")]
    payments = [info.payment.url, *(one.url for one in more if one.name == "payment")]
    return await Pool.connect(gateways, size), await Pool.connect(payments, size)


def _close(pools: Sequence[Pool]) -> None:
    for pool in pools:
        pool.close()
