"""How much is measured: sizes and seconds, for a full run, a quick one and a test."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    name: str
    limit_rows: int
    """Rows that are committed in batches, then tailed; and messages that are published."""
    lone_transactions: int
    relay_rows: int
    backlog_rows: int
    events_per_s: int
    """The rate at which latency is measured."""
    direct_latency_s: float
    relay_latency_s: float
    in_flight: int
    """Customers who book at once, each beginning anew when confirmed."""
    warm_up_s: float
    saturation_s: float
    half_load_s: float


FULL: Final = Scale(
    name="full",
    limit_rows=30_000,
    lone_transactions=500,
    relay_rows=30_000,
    backlog_rows=200_000,
    events_per_s=200,
    direct_latency_s=4.0,
    relay_latency_s=8.0,
    in_flight=256,
    warm_up_s=3.0,
    saturation_s=10.0,
    half_load_s=8.0,
)
QUICK: Final = Scale(
    name="quick",
    limit_rows=8_000,
    lone_transactions=200,
    relay_rows=10_000,
    backlog_rows=20_000,
    events_per_s=200,
    direct_latency_s=2.0,
    relay_latency_s=3.0,
    in_flight=256,
    warm_up_s=1.0,
    saturation_s=4.0,
    half_load_s=3.0,
)
TINY: Final = Scale(
    name="tiny",
    limit_rows=128,
    lone_transactions=5,
    relay_rows=200,
    backlog_rows=200,
    events_per_s=50,
    direct_latency_s=0.2,
    relay_latency_s=0.4,
    in_flight=8,
    warm_up_s=0.2,
    saturation_s=0.5,
    half_load_s=0.5,
)
