"""The simulation keeps what is true of every such system, and the page is the record's."""

from dataclasses import replace
from statistics import median

import pytest

from bench.scaling.__main__ import main
from bench.scaling.simulation import STEPS, Costs, full_load, latencies_ms

CPU_MS = {"gateway": 0.7, "booking": 0.4, "payment": 0.5, "relay": 0.2}
COSTS = Costs(
    cores=2,
    cpu_ms={**CPU_MS, "mongo": 1.2, "rabbitmq": 0.3, "load": 0.1},
    batch_ms=0.0,
    commit_ms=3.0,
    deliver_ms=2.0,
)
CPU_SUM_MS = sum(COSTS.cpu_ms.values())
WAITS_MS = 4 * COSTS.commit_ms + 2 * COSTS.deliver_ms


def test_alone_a_booking_takes_its_work_and_its_waits() -> None:
    took_ms = latencies_ms(COSTS, per_s=2, seconds=20)
    assert median(took_ms) == pytest.approx(CPU_SUM_MS + WAITS_MS, rel=0.05)


def test_the_cores_are_what_full_load_is_bound_by() -> None:
    most = COSTS.cores * 1000 / CPU_SUM_MS
    rate = full_load(replace(COSTS, processes=4), in_flight=256, seconds=4)
    assert rate == pytest.approx(most, rel=0.1)
    assert full_load(COSTS, in_flight=256, seconds=4) <= most * 1.05


def test_customers_and_latency_make_the_rate() -> None:
    rate = full_load(COSTS, in_flight=1, seconds=2)
    assert rate == pytest.approx(1000 / (CPU_SUM_MS + WAITS_MS), rel=0.05)


def test_a_batch_costs_each_step_and_more_load_makes_nobody_faster() -> None:
    dear = replace(COSTS, batch_ms=2.0)
    alone = median(latencies_ms(dear, per_s=2, seconds=20))
    assert alone == pytest.approx(CPU_SUM_MS + WAITS_MS + 2 * len(STEPS), rel=0.05)
    busy = [median(latencies_ms(dear, per_s=per_s, seconds=2)) for per_s in (10, 100, 300)]
    assert busy == sorted(busy)


def test_the_page_is_of_the_record() -> None:
    assert main(["--check"]) == 0
