"""What a record says of larger rates, as the tables of docs/scaling.md."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bench.report.statistics import percentile
from bench.report.table import number
from bench.scaling.simulation import Costs, full_load, latencies_ms

BEGIN: Final = "<!-- written by `python -m bench.scaling`: begin -->"
PARTS: Final = ("gateway", "booking", "payment", "relay", "mongo", "rabbitmq")
REQUESTS: Final = 2
EVENTS: Final = 3
"""Of a booking; the gateway's queue gets all of them."""
COMMITS: Final = 4
DELIVERIES: Final = 2
BUSY: Final = 0.7
"""Of a core at most, so that bursts do not wait for long."""
CORES_A_PRIMARY: Final = 8
IN_FLIGHT: Final = 256
SECONDS: Final = 5.0
ALONE_PER_S: Final = 50
"""At this rate hardly anybody shares a batch."""
ROUNDS: Final = 4

Record = Mapping[str, Any]


def costs_of(record: Record) -> Costs | None:
    """What the simulation starts from; None where the record has no CPU at a low rate.

    Alone, a booking costs what it does at 50 a second; how much work is beside its path follows
    from its latency at 5 a second. What each other in a batch adds follows from the CPU at full
    load, with the batches that the simulation itself has there.
    """
    if f"bookings.at_{ALONE_PER_S}_per_s.cpu_ms_per_booking" not in record:
        return None
    load_ms = REQUESTS * record["bookings.load_cpu_ms_per_request"]
    alone_ms = {part: _alone_ms(record, part) for part in PARTS} | {"load": load_ms}
    full_ms = {part: record[f"bookings.cpu_ms_per_booking.{part}"] for part in PARTS}
    commit_ms = 1000 / record["limits.transactions_per_s"]
    deliver_ms = max(0.0, record["limits.delivery.p50_ms"] - commit_ms)
    work_ms = record["bookings.at_5_per_s.p50_ms"] - COMMITS * commit_ms - DELIVERIES * deliver_ms
    costs = Costs(
        cores=record["machine"]["cores"],
        alone_ms=alone_ms,
        more_ms=full_ms | {"load": load_ms},
        beside=max(0.0, 1 - max(0.0, work_ms) / sum(alone_ms.values())),
        commit_ms=commit_ms,
        deliver_ms=deliver_ms,
    )
    for _ in range(ROUNDS):
        batch = max(2.0, full_load(costs, in_flight=IN_FLIGHT, seconds=SECONDS).batch)
        more_ms = {
            part: max(0.0, ms * batch - alone_ms[part]) / (batch - 1)
            for part, ms in full_ms.items()
        }
        costs = replace(costs, more_ms=more_ms | {"load": load_ms})
    return costs


def _alone_ms(record: Record, part: str) -> float:
    """Without what an idle program costs."""
    spent: float = record[f"bookings.at_{ALONE_PER_S}_per_s.cpu_ms_per_booking.{part}"]
    idle: float = record[f"bookings.idle_cpu_ms_per_s.{part}"]
    return max(0.0, spent - idle / ALONE_PER_S)


def text(record: Record) -> str:
    about = (
        f"From `bench/results/latest.json`, measured on {record['date'][:10]} on"
        f" {record['machine']['cores']} cores of {record['machine']['cpu']}."
    )
    compared = list(_compared(record))
    simulated = (
        _table(("bookings", "measured", "simulated"), compared)
        if compared
        else "That record has no CPU at a low rate, from which the simulation starts."
    )
    rates = _table(
        ("", "bookings/s", *PARTS, "MongoDB shards", "queues for the gateway"),
        [_scaled(record, times) for times in (1, 10, 100, 1_000)],
    )
    return f"{about}\n\n{simulated}\n\n{rates}"


def _scaled(record: Record, times: int) -> Sequence[str]:
    """Cores of each part, and how often what cannot be divided further has to be there."""
    per_s = times * record["bookings.per_s"]
    cores = [per_s * record[f"bookings.cpu_ms_per_booking.{part}"] / 1000 / BUSY for part in PARTS]
    shards = math.ceil(cores[PARTS.index("mongo")] / CORES_A_PRIMARY)
    queues = math.ceil(per_s * EVENTS / BUSY / record["limits.confirmed_publish_per_s"])
    return (f"{times:,} ×", number(per_s), *map(number, cores), f"{shards:,}", f"{queues:,}")


def _compared(record: Record) -> Iterator[Sequence[str]]:
    costs = costs_of(record)
    if costs is None:
        return
    rate = full_load(costs, in_flight=IN_FLIGHT, seconds=SECONDS).per_s
    yield "at full load", _cell(record, "bookings.per_s", "/s"), f"{number(rate)} /s"
    rates = [(f"at {per_s} a second", f"at_{per_s}_per_s.", float(per_s)) for per_s in (5, 50, 150)]
    for what, key, per_s in (*rates, ("at half of full load", "", record["bookings.per_s"] / 2)):
        measured = _cell(record, f"bookings.{key}p50_ms", "ms")
        p50 = percentile(latencies_ms(costs, per_s=per_s, seconds=SECONDS), 50)
        fitted = ", which it is fitted to" if per_s == 5 else ""
        yield f"{what}, p50{fitted}", measured, f"{number(p50)} ms"
    for count in (2, 4):
        key = f"processes.services_{count}.per_s"
        if key in record:
            more = replace(costs, processes=count)
            rate = full_load(more, in_flight=IN_FLIGHT, seconds=SECONDS).per_s
            what = f"at full load, {count} processes of each"
            yield what, _cell(record, key, "/s"), f"{number(rate)} /s"


def _cell(record: Record, key: str, unit: str) -> str:
    return f"{number(record[key])} {unit}" if key in record else ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in (headings, ("---",) * len(headings), *rows)
    )
