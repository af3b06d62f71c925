"""The metrics of consumers, by the names that dashboards and alerts use."""

from collections import Counter
from collections.abc import Sequence

from opentelemetry import metrics

_meter = metrics.get_meter("postbox")
_processed = _meter.create_counter(
    "postbox.consumer.processed", unit="{message}", description="Messages applied, by decision."
)
_dead = _meter.create_counter(
    "postbox.consumer.dead", unit="{message}", description="Messages set aside, by reason."
)
_duration = _meter.create_histogram(
    "postbox.consumer.duration",
    unit="s",
    description="From taking a batch to its commit.",
    explicit_bucket_boundaries_advisory=[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
)
_batch_size = _meter.create_histogram(
    "postbox.consumer.batch_size",
    unit="{message}",
    description="Messages applied in one transaction.",
    explicit_bucket_boundaries_advisory=[1, 2, 4, 8, 16, 32, 64],
)


def processed(queue: str, outcomes: Sequence[str], seconds: float) -> None:
    """Count one batch, by what was decided."""
    for outcome, count in Counter(outcomes).items():
        _processed.add(count, {"queue": queue, "decision": outcome})
    _duration.record(seconds, {"queue": queue})
    _batch_size.record(len(outcomes), {"queue": queue})


def dead(queue: str, reason: str) -> None:
    """Count one message set aside."""
    _dead.add(1, {"queue": queue, "reason": reason})
