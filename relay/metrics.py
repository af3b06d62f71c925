"""The relay's metrics, by `source`; what one shard's leader does, by `shard` too."""

from collections.abc import Mapping
from typing import Final

from opentelemetry import metrics

_meter: Final = metrics.get_meter("postbox.relay")

pending: Final = _meter.create_gauge(
    "postbox.outbox.pending", description="Pending rows, counted up to 100,000."
)
oldest_pending_age: Final = _meter.create_gauge(
    "postbox.outbox.oldest_pending_age",
    unit="s",
    description="Age of the oldest pending row, as the database reports it.",
)
token_age: Final = _meter.create_gauge(
    "postbox.relay.token_age", unit="s", description="How long ago the token was saved."
)
leader: Final = _meter.create_gauge(
    "postbox.relay.leader", description="1 where this process holds the lease, else 0."
)
published: Final = _meter.create_counter(
    "postbox.relay.published", description="Rows that were confirmed and marked."
)
publish_duration: Final = _meter.create_histogram(
    "postbox.relay.publish.duration",
    unit="s",
    description="From the write to the confirm; of one message in each write.",
    explicit_bucket_boundaries_advisory=(
        *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
        *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    ),
)
swept: Final = _meter.create_counter(
    "postbox.relay.swept", description="Pending rows that the stream missed."
)
parked: Final = _meter.create_counter(
    "postbox.relay.parked", description="Rows that can never be published."
)


def initialize(attributes: Mapping[str, str]) -> None:
    """Report every counter as 0, so that an alert sees its first increment."""
    for counter in (published, swept, parked):
        counter.add(0, attributes)
    leader.set(0, attributes)
