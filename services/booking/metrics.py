"""The metrics of sagas."""

from collections.abc import Sequence

from opentelemetry import metrics

from postbox.inbox import Decided
from services.booking.work import Judged

_meter = metrics.get_meter("booking")
_sagas = _meter.create_counter(
    "booking.sagas", unit="{saga}", description="Sagas that came to a final state, by that state."
)
_duration = _meter.create_histogram(
    "booking.saga.duration",
    unit="s",
    description="From the first event of an intent to its final state.",
    explicit_bucket_boundaries_advisory=[0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 900, 3600],
)
FINAL_STATES = ("confirmed", "failed", "cancelled")


def begin() -> None:
    """Show the counter from the start."""
    for state in FINAL_STATES:
        _sagas.add(0, {"state": state})


def judged(decisions: Sequence[Decided]) -> None:
    """Count what a committed batch has brought to an end."""
    for one in decisions:
        if isinstance(one, Judged) and one.state is not None:
            _sagas.add(1, {"state": one.state})
            _duration.record(one.age_s, {"state": one.state})
