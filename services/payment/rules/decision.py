"""What a decision is, and how a rule is chosen from its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from contracts.events import Event
from services.payment.rules.inputs import (
    CaptureDue,
    ChargeKnown,
    DisputeReported,
    Input,
    RefundDue,
    RefundReported,
)
from services.payment.rules.state import Dispute, Known, Refund
from services.payment.rules.table import Guard, Outcome, Rule, Rules

STUCK_AFTER_ATTEMPTS: Final = 10


class UndeclaredTransition(Exception):
    """No table has a cell for this state and this input: one of the two is a bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from an input. In `state`, a row that did not change is the same object."""

    outcome: Outcome
    state: Known
    events: tuple[Event, ...] = ()


def choose(state: str, cell: Rules, known: Known, event: Input) -> Rule:
    """The first rule of the cell whose guard holds."""
    for rule in cell:
        if GUARDS[rule.when](known, event):
            return rule
    raise UndeclaredTransition(f"{state} has no rule for {type(event).__name__}")


def _other_data(known: Known, event: Input) -> bool:
    """Whether a report differs from what is known by its id, but for how far it has come."""
    match event:
        case ChargeKnown():
            return known.payment is not None and not known.payment.charge.agrees(event.charge)
        case RefundReported():
            before, now = known.refund, event.refund
            return before is not None and _what(before) != _what(now)
        case DisputeReported():
            held, said = known.dispute, event.dispute
            return held is not None and _what(held) != _what(said)
    raise AssertionError(f"{type(event).__name__} reports nothing")


def _what(one: Refund | Dispute) -> tuple[str, int]:
    return one.payment_id, one.amount


def _all_back(known: Known, event: Input) -> bool:
    assert known.payment is not None
    return known.payment.money.kept == 0


def _nothing_to_ask(known: Known, event: Input) -> bool:
    assert known.payment is not None
    return known.payment.asking is None and known.payment.money.refundable == 0


def _not_due_yet(known: Known, event: Input) -> bool:
    assert isinstance(event, CaptureDue | RefundDue)
    row = known.capture if isinstance(event, CaptureDue) else known.payment
    assert row is not None
    return row.due_at is not None and row.due_at > event.now


def _closed_unattempted(known: Known, event: Input) -> bool:
    assert known.capture is not None
    return known.closed is not None and known.capture.attempts == 0


def _often_enough(known: Known, event: Input) -> bool:
    assert known.payment is not None
    return known.payment.attempts >= STUCK_AFTER_ATTEMPTS and not known.payment.stuck


GUARDS: Final[Mapping[Guard, Callable[[Known, Input], bool]]] = {
    Guard.ALWAYS: lambda known, event: True,
    Guard.OTHER_DATA: _other_data,
    Guard.ALL_BACK: _all_back,
    Guard.NOTHING_TO_ASK: _nothing_to_ask,
    Guard.NOT_DUE_YET: _not_due_yet,
    Guard.INTENT_CLOSED: lambda known, event: known.closed is not None,
    Guard.CLOSED_UNATTEMPTED: _closed_unattempted,
    Guard.OFTEN_ENOUGH: _often_enough,
}
