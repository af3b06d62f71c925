"""The simulation keeps what is true of every such system, and the page is the record's."""

from dataclasses import replace
from statistics import median

import pytest

from bench.scaling.__main__ import main
from bench.scaling.simulation import Costs, full_load, latencies_ms

CPU_MS = {"gateway": 0.7, "booking": 0.4, "payment": 0.5, "relay": 0.2}
COSTS = Costs(
    cores=2,
    alone_ms=CPU_MS | {"mongo": 1.2, "rabbitmq": 0.3, "load": 0.1},
    more_ms=CPU_MS | {"mongo": 1.2, "rabbitmq": 0.3, "load": 0.1},
    beside=0.0,
    commit_ms=3.0,
    deliver_ms=2.0,
)
CPU_SUM_MS = sum(COSTS.alone_ms.values())
WAITS_MS = 4 * COSTS.commit_ms + 2 * COSTS.deliver_ms


def test_alone_a_booking_takes_its_work_and_its_waits() -> None:
    took_ms = latencies_ms(COSTS, per_s=2, seconds=20)
    assert median(took_ms) == pytest.approx(CPU_SUM_MS + WAITS_MS, rel=0.05)


def test_the_cores_are_what_full_load_is_bound_by() -> None:
    most = COSTS.cores * 1000 / CPU_SUM_MS
    rate = full_load(replace(COSTS, processes=4), in_flight=256, seconds=4).per_s
    assert rate == pytest.approx(most, rel=0.1)
    assert full_load(COSTS, in_flight=256, seconds=4).per_s <= most * 1.05


def test_customers_and_latency_make_the_rate() -> None:
    rate = full_load(COSTS, in_flight=1, seconds=2).per_s
    assert rate == pytest.approx(1000 / (CPU_SUM_MS + WAITS_MS), rel=0.05)


def test_what_is_beside_the_path_delays_nobody_who_is_alone_and_takes_cores_all_the_same() -> None:
    half = replace(COSTS, beside=0.5)
    alone = median(latencies_ms(half, per_s=2, seconds=20))
    assert alone == pytest.approx(CPU_SUM_MS / 2 + WAITS_MS, rel=0.1)
    most = COSTS.cores * 1000 / CPU_SUM_MS
    assert full_load(half, in_flight=256, seconds=4).per_s <= most * 1.05
    busy = [median(latencies_ms(half, per_s=per_s, seconds=2)) for per_s in (10, 100, 300)]
    assert busy == sorted(busy)


def test_fuller_batches_cost_less_and_more_processes_have_emptier_ones() -> None:
    shared = replace(COSTS, more_ms={part: ms / 10 for part, ms in COSTS.alone_ms.items()})
    one, four = (
        full_load(replace(shared, processes=count), in_flight=256, seconds=4) for count in (1, 4)
    )
    assert one.batch > 2 * four.batch
    assert one.per_s > four.per_s > full_load(COSTS, in_flight=256, seconds=4).per_s


def test_the_page_is_of_the_record() -> None:
    assert main(["--check"]) == 0
