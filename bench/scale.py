"""How much is measured: sizes and seconds, for a full run, a quick one and a test."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The defaults are a full run's."""

    name: str
    limit_rows: int = 30_000
    """Rows that are committed in batches, then tailed; and messages that are published."""
    lone_transactions: int = 500
    relay_rows: int = 30_000
    backlog_rows: int = 200_000
    cost_starts: int = 3
    cost_rounds: tuple[tuple[int, int], ...] = (
        (1_000, 3),
        (10_000, 3),
        (100_000, 1),
        (1_000_000, 1),
    )
    """Pending rows, then lie there published, and how often: small ones are soon over."""
    cost_rows: int = 20_000
    """Rows that are published beside those."""
    subject_events: tuple[int, ...] = (10, 100, 1_000, 10_000)
    """How many events a subject has already."""
    traced_rounds: int = 5
    traced_rows: int = 20_000
    events_per_s: int = 200
    """The rate at which latency is measured."""
    direct_latency_s: float = 4.0
    relay_latency_s: float = 8.0
    in_flight: int = 256
    """Customers who book at once, each beginning anew when confirmed."""
    warm_up_s: float = 3.0
    saturation_s: float = 10.0
    half_load_s: float = 8.0
    idle_s: float = 3.0
    """For so long nobody books, and what that costs is measured."""
    steady_s: tuple[tuple[int, float], ...] = ((5, 8.0), (50, 6.0), (150, 6.0))
    """Low rates of bookings a second, and for how long each."""
    processes: tuple[int, ...] = (1, 2, 4)
    """Of each program, how many."""
    killed_s: float = 6.0
    """Of load, in whose middle the programs are killed: at peers alone."""


FULL: Final = Scale(name="full")
QUICK: Final = Scale(
    name="quick",
    limit_rows=8_000,
    lone_transactions=200,
    relay_rows=10_000,
    backlog_rows=20_000,
    cost_starts=1,
    cost_rounds=((1_000, 1), (10_000, 1)),
    cost_rows=5_000,
    subject_events=(10, 100, 1_000),
    traced_rounds=1,
    traced_rows=10_000,
    direct_latency_s=2.0,
    relay_latency_s=3.0,
    warm_up_s=1.0,
    saturation_s=4.0,
    half_load_s=3.0,
    steady_s=((5, 3.0), (50, 2.0), (150, 2.0)),
    processes=(),
    killed_s=3.0,
)
TINY: Final = Scale(
    name="tiny",
    limit_rows=128,
    lone_transactions=5,
    relay_rows=200,
    backlog_rows=200,
    cost_starts=1,
    cost_rounds=((1_000, 1), (2_000, 1)),
    cost_rows=1_000,
    subject_events=(10, 100),
    traced_rounds=1,
    traced_rows=200,
    events_per_s=50,
    direct_latency_s=0.2,
    relay_latency_s=0.4,
    in_flight=8,
    warm_up_s=0.2,
    saturation_s=2.0,
    half_load_s=0.5,
    idle_s=0.3,
    steady_s=((5, 1.2), (50, 0.4), (150, 0.4)),
    processes=(),
    killed_s=1.0,
)
