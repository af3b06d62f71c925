"""The metrics of a service, by the names that dashboards and alerts use.

Counters of what should not happen begin at zero, so that the first of a kind is a change. No label
has values that grow with the traffic.
"""

from collections import Counter
from collections.abc import Sequence

from opentelemetry import metrics

REASONS = ("malformed", "invalid", "rejected", "handler_failed")
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
    explicit_bucket_boundaries_advisory=[1, 2, 4, 8, 16, 32, 64, 128],
)
_waiting = _meter.create_gauge(
    "postbox.queue.waiting",
    unit="{message}",
    description="Messages that wait for a person: dead letters, and what no queue wanted.",
)
_ready = _meter.create_gauge(
    "postbox.ready", description="1 where the program can do its work now, else 0."
)
_requests = metrics.get_meter("postbox.http").create_histogram(
    "http.server.request.duration",
    unit="s",
    description="From the first byte of a request to its answer.",
    explicit_bucket_boundaries_advisory=[
        *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
        *(0.25, 0.5, 1, 2.5, 5, 10),
    ],
)


def begin(queue: str) -> None:
    """Show the counters of this consumer from the start."""
    for reason in REASONS:
        _dead.add(0, {"queue": queue, "reason": reason})


def processed(queue: str, outcomes: Sequence[str], seconds: float) -> None:
    """Count one batch, by what was decided."""
    for outcome, count in Counter(outcomes).items():
        _processed.add(count, {"queue": queue, "decision": outcome})
    _duration.record(seconds, {"queue": queue})
    _batch_size.record(len(outcomes), {"queue": queue})


def dead(queue: str, reason: str) -> None:
    """Count one message set aside."""
    _dead.add(1, {"queue": queue, "reason": reason})


def waiting(queue: str, messages: int) -> None:
    """Show how many messages of `queue` wait for a person."""
    _waiting.set(messages, {"queue": queue})


def ready(is_ready: bool, service: str | None = None) -> None:
    """Show whether the program can do its work, or the service that is named."""
    _ready.set(int(is_ready), {} if service is None else {"service": service})


def requested(method: str, route: str, status: int, seconds: float) -> None:
    """Count one HTTP request; `route` is a pattern, not a path."""
    _requests.record(
        seconds,
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        },
    )
