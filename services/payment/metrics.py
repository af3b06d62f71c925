"""The metrics of money. All counters begin at zero, so that the first of a kind is a change."""

from collections.abc import Iterable
from typing import Final

from opentelemetry import metrics

from services.payment.rules.table import Outcome

REFUND_STATES: Final = {
    Outcome.REFUND: "refund_pending",
    Outcome.STUCK: "stuck",
    Outcome.REFUNDED: "refunded",
}
ALARMS: Final = (
    "contradiction",
    "unreadable",
    "untimely",
    "unknown_at_provider",
    "refunded_elsewhere",
    "partially_refunded",
    "refund_failed",
    "disputed",
    "charged_back",
)

_meter = metrics.get_meter("payment")
_refunds = _meter.create_counter(
    "payment.refunds", unit="{payment}", description="Payments to be given back, by state reached."
)
_alarms = _meter.create_counter(
    "payment.alarms", unit="{alarm}", description="What a person has to look at, by kind."
)
_reconciled = _meter.create_counter(
    "payment.reconciled",
    unit="{report}",
    description="Charges, refunds and disputes that reconciliation found before any webhook did.",
)
_overdue = _meter.create_gauge(
    "payment.overdue",
    unit="{payment}",
    description="Captured payments that were not judged in time (counted up to 1,000).",
)


def begin() -> None:
    """Show every counter from the start."""
    for state in REFUND_STATES.values():
        _refunds.add(0, {"state": state})
    for kind in ALARMS:
        _alarms.add(0, {"kind": kind})
    _reconciled.add(0)


def decided(outcomes: Iterable[str]) -> None:
    """Count what a committed batch or group means for refunds, and what contradicts."""
    for outcome in map(Outcome, outcomes):
        if (state := REFUND_STATES.get(outcome)) is not None:
            _refunds.add(1, {"state": state})
        if outcome is Outcome.ALARM:
            alarm("contradiction")


def alarm(kind: str) -> None:
    """Count something that contradicts what is known, cannot be read, or came at a wrong time."""
    assert kind in ALARMS
    _alarms.add(1, {"kind": kind})


def reconciled() -> None:
    """Count what no webhook reported."""
    _reconciled.add(1)


def overdue(count: int) -> None:
    """Show how many payments wait beyond every time limit."""
    _overdue.set(count)
