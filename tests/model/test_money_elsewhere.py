"""Goal: money that moves at the provider without us leaves no free booking and no lost money.

Method: every state of worlds in which somebody refunds at the provider, in whole or in part, or the
customer's bank disputes, at any moment; each told by webhook (late, first, twice) or only by the
provider's list; and in which refunds that were accepted fail later.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, cast

import pytest

from contracts.events import PaymentChargedBack, PaymentRefunded
from contracts.money import Money
from services.booking.rules import core as booking_core
from services.booking.rules import table as booking
from services.booking.rules.state import BookingState
from services.gateway.rules import core as gateway_core
from services.payment.rules import table as payment
from services.payment.rules.state import DisputeStatus, RefundStatus
from tests.model.explore import explore
from tests.model.scenario import (
    DisputeElsewhere,
    RefundElsewhere,
    Scenario,
    charge,
    intent,
    slot,
)
from tests.model.system import Violation

Patch = pytest.MonkeyPatch
ADA: Final = intent("ada", slot=slot(0))
PAID, SECOND = charge("p", "ada"), charge("q", "ada")
WHOLE: Final = RefundElsewhere(refund_id="whole", payment_id="p")
SLOW: Final = replace(WHOLE, slow=True, may_fail=True)
PART: Final = RefundElsewhere(refund_id="part", payment_id="p", amount=2_000)
REST: Final = RefundElsewhere(refund_id="rest", payment_id="p", amount=3_000)
DISPUTE: Final = DisputeElsewhere(dispute_id="dispute", payment_id="p")

ONE: Final = Scenario(name="one", intents=(ADA,), charges=(PAID,), inbox=True)
CANCELLED: Final = replace(ONE, cancels=("ada",))

SCENARIOS: Final = (
    replace(ONE, name="a whole refund, repeats, the gateway", elsewhere=(WHOLE,), inbox=False,
            gateway=True, states_min=95_000),
    replace(CANCELLED, name="a whole refund that only the list tells, a cancellation, crashes",
            elsewhere=(replace(WHOLE, webhook=False),), inbox=False, losses=1, states_min=24_000),
    replace(ONE, name="a part, and the booking stands", elsewhere=(PART,), inbox=False,
            deadlines=False, always=BookingState.CONFIRMED, states_min=100),
    replace(CANCELLED, name="a part, a cancellation, crashes, the gateway", elsewhere=(PART,),
            losses=1, gateway=True, states_min=130_000),
    replace(CANCELLED, name="a part and the rest, one told by the list alone, a cancellation",
            elsewhere=(PART, replace(REST, webhook=False)), states_min=6_000),
    replace(ONE, name="a part and the rest, repeats",
            elsewhere=(PART, REST), inbox=False, states_min=130_000),
    replace(CANCELLED, name="a whole refund that may fail later, a cancellation, crashes",
            elsewhere=(SLOW,), losses=1, states_min=2_000),
    replace(ONE, name="a whole refund that may fail later, repeats", elsewhere=(SLOW,),
            inbox=False, states_min=20_000),
    replace(CANCELLED, name="our refund is slow and fails once, crashes, the gateway",
            slow_refunds=True, losses=1, gateway=True, states_min=500_000),
    replace(CANCELLED, name="our slow refund races a part refunded elsewhere", slow_refunds=True,
            elsewhere=(PART,), losses=1, states_min=10_000),
    replace(ONE, name="a dispute, repeats", elsewhere=(DISPUTE,), inbox=False, states_min=30_000),
    replace(CANCELLED, name="a dispute, a cancellation, crashes, the gateway",
            elsewhere=(DISPUTE,), losses=1, gateway=True, states_min=100_000),
    replace(CANCELLED, name="a dispute of a part that only the list tells, a cancellation",
            elsewhere=(replace(DISPUTE, amount=2_000, webhook=False),), losses=1,
            states_min=9_000),
    replace(CANCELLED, name="a part refunded and the rest disputed, a cancellation",
            elsewhere=(PART, replace(DISPUTE, amount=3_000)), states_min=10_000),
    replace(ONE, name="the second of two payments is refunded elsewhere, the deadlines",
            charges=(PAID, SECOND), elsewhere=(replace(WHOLE, payment_id="q"),),
            states_min=1_500),
)  # fmt: skip


@pytest.mark.fault(15, "money moves at the provider, at any moment")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_state_at_rest_keeps_the_invariants(
    scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    report = explore(scenario)
    with capsys.disabled():
        print(f"\n  {report}")
    assert report.at_rest > 0
    assert report.states >= scenario.states_min


# Each rule broken on purpose, to see that the exploration finds it.


def _booking(state: BookingState, event: type, *rules: booking.Rule) -> Callable[[Patch], None]:
    return lambda patch: patch.setitem(cast(dict[Any, Any], booking.TABLE), (state, event), rules)


def _refund(
    known: RefundStatus, said: RefundStatus, rules: payment.Rules
) -> Callable[[Patch], None]:
    return lambda patch: patch.setitem(
        cast(dict[Any, Any], payment.REFUND_TABLE[known]), said, rules
    )


def _dispute(said: DisputeStatus) -> Callable[[Patch], None]:
    """Close our eyes to how a dispute ends."""
    opened = cast(dict[Any, Any], payment.DISPUTE_TABLE[DisputeStatus.OPEN])
    return lambda patch: patch.setitem(opened, said, DUPLICATE)


NOOP: Final = booking.Rule(outcome=booking.Outcome.NOOP)
DUPLICATE: Final = (payment.Rule(outcome=payment.Outcome.DUPLICATE),)
PENDING, SUCCEEDED, FAILED = list(RefundStatus)[1:]
_CANCEL: Final = booking.TABLE[BookingState.CONFIRMED, PaymentRefunded]
KEEP_THE_SLOT: Final = tuple(replace(rule, slot=None) for rule in _CANCEL)


def take_a_part_for_the_whole(patch: Patch) -> None:
    guards = cast(dict[Any, Any], booking_core.GUARDS)
    patch.setitem(guards, booking.Guard.IN_PART, lambda facts: False)


def show_what_was_heard_last(patch: Patch) -> None:
    def last(known: Money | None, heard: Money | None) -> Money | None:
        return heard or known

    patch.setattr(gateway_core, "_later", last)


def forget_that_it_is_refused(patch: Patch) -> None:
    all_back, *others = payment._GIVE_BACK
    for verdict in payment.VERDICT_TABLE.values():
        for event, rules in list(verdict.items()):
            if rules == payment._GIVE_BACK:
                kept = (replace(all_back, to=None), *others)
                patch.setitem(cast(dict[Any, Any], verdict), event, kept)


ELSEWHERE: Final = replace(ONE, elsewhere=(WHOLE,))
REPEATED: Final = replace(CANCELLED, elsewhere=(PART,), inbox=False)
DISPUTED: Final = replace(CANCELLED, elsewhere=(DISPUTE,))
FAILING: Final = replace(CANCELLED, elsewhere=(SLOW,))
LOST_DISPUTE: Final = replace(ONE, elsewhere=(replace(DISPUTE, outcomes=(DisputeStatus.LOST,)),))
BROKEN: Final[tuple[tuple[str, Callable[[Patch], None], Scenario, str], ...]] = (
    (
        "a refunded booking stands",
        _booking(BookingState.CONFIRMED, PaymentRefunded, NOOP),
        ELSEWHERE,
        "I4",
    ),
    (
        "a charged back booking stands",
        _booking(BookingState.CONFIRMED, PaymentChargedBack, NOOP),
        LOST_DISPUTE,
        "I4",
    ),
    (
        "a cancelled booking keeps its slot",
        _booking(BookingState.CONFIRMED, PaymentRefunded, *KEEP_THE_SLOT),
        ELSEWHERE,
        "I5",
    ),
    (
        "a refund before the capture is forgotten",
        _booking(BookingState.PENDING, PaymentRefunded, NOOP),
        ELSEWHERE,
        "I4",
    ),
    (
        "a refund before the intent is forgotten",
        _booking(BookingState.NONE, PaymentRefunded, NOOP),
        ELSEWHERE,
        "I4",
    ),
    ("a part counts as the whole", take_a_part_for_the_whole, SCENARIOS[2], "I6|confluence"),
    ("a failed refund is ignored", _refund(PENDING, FAILED, DUPLICATE), FAILING, "I4"),
    (
        "a refund counts twice",
        _refund(SUCCEEDED, SUCCEEDED, payment.REFUND_TABLE[RefundStatus.NONE][SUCCEEDED]),
        REPEATED,
        "I4",
    ),
    (
        "a late report revives a failed refund",
        _refund(FAILED, PENDING, payment.REFUND_TABLE[RefundStatus.NONE][PENDING]),
        FAILING,
        "I4|read model",
    ),
    ("a lost dispute is ignored", _dispute(DisputeStatus.LOST), LOST_DISPUTE, "I4"),
    ("a won dispute is ignored", _dispute(DisputeStatus.WON), DISPUTED, "I4"),
    ("the verdict is forgotten", forget_that_it_is_refused, FAILING, "I4"),
    ("the last heard is shown", show_what_was_heard_last, FAILING, "read model"),
)


@pytest.mark.parametrize(("broken", "scenario", "found"), [one[1:] for one in BROKEN],
                         ids=[one[0] for one in BROKEN])  # fmt: skip
def test_a_broken_rule_is_found(
    monkeypatch: Patch, broken: Callable[[Patch], None], scenario: Scenario, found: str
) -> None:
    assert explore(scenario).at_rest > 0, "unbroken, it is fine"
    broken(monkeypatch)
    with pytest.raises(Violation, match=found):
        explore(scenario)
