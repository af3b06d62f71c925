"""Goal: the exploration can fail. Method: break one rule at a time and see it found, by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from contracts.events import BookingConfirmed, BookingIntentCreated, Event, PaymentCaptured
from contracts.money import Verdict
from services.booking.rules import core as booking_core
from services.booking.rules import table as booking
from services.booking.rules.state import BookingState
from services.gateway.rules import core as gateway_core
from services.gateway.rules.view import View
from services.payment.rules import core as payment_core
from services.payment.rules import table as payment
from services.payment.rules.decision import GUARDS
from services.payment.rules.inputs import CaptureSucceeded, ChargeKnown
from tests.model.explore import explore
from tests.model.scenario import AskedCapture, Scenario, charge, intent, slot
from tests.model.system import Cores, Violation

Patch = pytest.MonkeyPatch
ADA, BOB = intent("ada", slot=slot(0)), intent("bob", slot=slot(1))

ONE = Scenario(name="one payment", intents=(ADA,), charges=(charge("p", "ada"),))
CANCELLED = Scenario(
    name="cancelled", intents=(ADA,), charges=(charge("p", "ada"),), cancels=("ada",)
)
TWO = Scenario(
    name="two payments", intents=(ADA,), charges=(charge("p", "ada"), charge("q", "ada"))
)
UNEQUAL = Scenario(
    name="unequal", intents=(ADA,), charges=(charge("p", "ada", amount=1),), deadlines=False
)
RIVALS = Scenario(
    name="rivals", intents=(ADA, BOB), charges=(charge("p", "ada"), charge("q", "bob")), inbox=True
)
CAPTURED = Scenario(
    name="captured",
    intents=(ADA,),
    captures=(AskedCapture(capture_id="c", charge=charge("p", "ada"), webhook=False),),
    cancels=("ada",),
    losses=1,
)
SCENARIOS = (ONE, CANCELLED, TWO, UNEQUAL, RIVALS, CAPTURED)

# Tables of rules


def _booking_rules(patch: Patch, cell: tuple[Any, Any], *rules: booking.Rule) -> None:
    patch.setitem(cast(dict[Any, Any], booking.TABLE), cell, rules)


def _verdict_rules(patch: Patch, verdict: Verdict, event: type, rule: payment.Rule) -> None:
    patch.setitem(cast(dict[Any, Any], payment.VERDICT_TABLE[verdict]), event, (rule,))


def ignore_late_payment(patch: Patch) -> None:
    cell = (BookingState.FAILED, PaymentCaptured)
    _booking_rules(patch, cell, booking.Rule(outcome=booking.Outcome.NOOP))


def ignore_second_payment(patch: Patch) -> None:
    cell = (BookingState.CONFIRMED, PaymentCaptured)
    _booking_rules(patch, cell, booking.Rule(outcome=booking.Outcome.DUPLICATE))


def do_not_compare(patch: Patch) -> None:
    cell = (BookingState.PENDING, PaymentCaptured)
    _booking_rules(patch, cell, booking.TABLE[cell][-1])


def do_not_judge_the_slot(patch: Patch) -> None:
    cell = (BookingState.NONE, BookingIntentCreated)
    _booking_rules(patch, cell, booking.TABLE[cell][-1])


def keep_the_slot(patch: Patch) -> None:
    cell = (BookingState.PENDING, booking.DeadlinePassed)
    _booking_rules(patch, cell, replace(booking.TABLE[cell][0], slot=None))


def set_no_deadline(patch: Patch) -> None:
    cell = (BookingState.NONE, PaymentCaptured)
    _booking_rules(patch, cell, replace(booking.TABLE[cell][-1], deadline=None))


def settle_what_is_owed(patch: Patch) -> None:
    settle = payment.Rule(outcome=payment.Outcome.SETTLE, to=Verdict.SETTLED)
    _verdict_rules(patch, Verdict.REFUSED, BookingConfirmed, settle)


def drop_what_was_attempted(patch: Patch) -> None:
    closed = GUARDS[payment.Guard.INTENT_CLOSED]
    patch.setitem(cast(dict[Any, Any], GUARDS), payment.Guard.CLOSED_UNATTEMPTED, closed)


# Functions


def forget_refused(*args: Any, **kwargs: Any) -> booking_core.Decision:
    return replace(booking_core.decide(*args, **kwargs), refused=None)


def forget_the_charge(known: Any, event: Any, **kwargs: Any) -> payment_core.Decision:
    decision = payment_core.decide(known, event, **kwargs)
    if isinstance(event, CaptureSucceeded):
        return replace(decision, state=replace(decision.state, payment=None), events=())
    return decision


def count_a_charge_twice(known: Any, event: Any, **kwargs: Any) -> payment_core.Decision:
    is_unjudged = known.payment is not None and known.payment.verdict is Verdict.UNJUDGED
    if isinstance(event, ChargeKnown) and is_unjudged:
        known = replace(known, payment=None)
    return payment_core.decide(known, event, **kwargs)


def show_the_latest(view: View | None, event: Event, **envelope: Any) -> gateway_core.Projection:
    shown = gateway_core.project(view, event, **envelope)
    status = gateway_core.STATUS_OF.get(type(event))
    return replace(shown, view=replace(shown.view, status=status)) if status else shown


PATCHES: tuple[tuple[Callable[[Patch], None], Scenario, str], ...] = (
    (ignore_late_payment, ONE, "I4"),
    (ignore_second_payment, TWO, "I4"),
    (do_not_compare, UNEQUAL, "I4"),
    (do_not_judge_the_slot, RIVALS, "I5"),
    (keep_the_slot, ONE, "I5"),
    (set_no_deadline, replace(ONE, intents=()), "I6"),
    (settle_what_is_owed, CANCELLED, "I4"),
    (drop_what_was_attempted, CAPTURED, "I4"),
)
MUTANTS: tuple[tuple[Cores, Scenario, str], ...] = (
    (Cores(booking=forget_refused), ONE, "I2"),
    (Cores(payment=forget_the_charge), CAPTURED, "I4"),
    (Cores(payment=count_a_charge_twice), ONE, "I2"),
    (Cores(project=show_the_latest), ONE, "read model"),
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_unbroken_rules_pass(scenario: Scenario) -> None:
    assert explore(scenario).at_rest > 0


@pytest.mark.parametrize(("mutate", "scenario", "found"), PATCHES)
def test_a_broken_table_is_found(
    monkeypatch: Patch, mutate: Callable[[Patch], None], scenario: Scenario, found: str
) -> None:
    mutate(monkeypatch)
    with pytest.raises(Violation, match=found):
        explore(scenario)


@pytest.mark.parametrize(("cores", "scenario", "found"), MUTANTS)
def test_a_broken_function_is_found(cores: Cores, scenario: Scenario, found: str) -> None:
    with pytest.raises(Violation, match=found):
        explore(scenario, cores)


def test_a_violation_tells_the_way_to_it(monkeypatch: Patch) -> None:
    ignore_late_payment(monkeypatch)
    with pytest.raises(Violation, match=r"deadline of ada\n  arrives payment\.captured"):
        explore(replace(ONE, inbox=True))
