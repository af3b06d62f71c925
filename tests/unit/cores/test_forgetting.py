"""A user who was forgotten stands in nobody's way, and is not remembered by what comes late."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.events import (
    BookingConfirmed,
    BookingUserForgotten,
    Event,
    PaymentCaptured,
    PaymentFailed,
)
from contracts.money import Money, Verdict
from contracts.values import Reason, Slot
from services.gateway.rules.forgetting import late, under_way
from services.gateway.rules.view import Entry, PaymentView, Status, View
from services.payment.rules.core import decide
from services.payment.rules.inputs import ChargeKnown
from services.payment.rules.state import Charge, Known, Payment

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ALIAS = "forgotten:f00d"
SLOT = Slot(resource_id="room", starts_at=NOON, ends_at=NOON + timedelta(minutes=30))
REQUESTED = Entry(event_id="c1", type="payment.requested", time=NOON)
FORGOTTEN = View(intent_id="i1", user_id=ALIAS, status=Status.FAILED, timeline=(REQUESTED,))
MONEY = Money(captured=500)
OPEN = PaymentView(payment_id="p1", money=MONEY)
AT_REST = PaymentView(payment_id="p1", money=MONEY, verdict=Verdict.SETTLED)


def charge(user_id: str, *, amount: int = 500) -> Charge:
    return Charge(payment_id="p1", intent_id="i1", user_id=user_id, amount=amount, currency="EUR")


@pytest.mark.parametrize(
    ("known", "reported", "outcome"),
    [
        (charge(ALIAS), charge("ada"), "duplicate"),
        (charge(ALIAS), charge("ada", amount=501), "alarm"),
        (charge("ada"), charge("ada"), "duplicate"),
        (charge("ada"), charge("bob"), "alarm"),
    ],
)
def test_a_report_that_comes_again_is_compared_without_the_user(
    known: Charge, reported: Charge, outcome: str
) -> None:
    before = Known(payment=Payment(charge=known, money=MONEY))
    assert decide(before, ChargeKnown(charge=reported, at=NOON)).outcome == outcome


def test_a_payment_that_comes_late_is_to_be_forgotten_too() -> None:
    captured = PaymentCaptured(
        payment_id="p2", intent_id="i1", user_id="ada", amount=500, currency="EUR"
    )
    declined = PaymentFailed(intent_id="i1", reason=Reason.DECLINED)
    told: dict[str, object] = {"intent_id": "i1", "alias": ALIAS, "capture_ids": ("c1",)}
    assert late(FORGOTTEN, captured) == [BookingUserForgotten(payment_ids=("p2",), **told)]
    assert late(FORGOTTEN, declined) == [BookingUserForgotten(payment_ids=(), **told)]
    assert late(FORGOTTEN, BookingUserForgotten(payment_ids=(), **told)) == []
    somebody = View(intent_id="i1", user_id="ada", status=Status.FAILED)
    nobody: Event = BookingConfirmed(payment_id="p1", intent_id="i1", amount=500, currency="EUR")
    assert late(somebody, captured) == []
    assert late(None, nobody) == []


@pytest.mark.parametrize(
    ("status", "slot", "payment", "reason"),
    [
        (Status.PENDING, None, AT_REST, "it is pending"),
        (Status.PAYMENT_RECEIVED_FIRST, None, OPEN, "it is payment_received_first"),
        (Status.CONFIRMED, SLOT, AT_REST, "it is confirmed until 2026-01-31 12:30 UTC"),
        (Status.CANCELLED, SLOT, OPEN, "its payment p1 is captured"),
        (Status.CANCELLED, SLOT, AT_REST, None),
        (Status.CONFIRMED, None, AT_REST, None),
        (Status.FAILED, None, AT_REST, None),
    ],
)
def test_a_booking_that_is_under_way_needs_its_user(
    status: Status, slot: Slot | None, payment: PaymentView, reason: str | None
) -> None:
    view = View(intent_id="i1", status=status, slot=slot, payments=(payment,))
    why = under_way(view, view.payments, NOON)
    assert (why or "").startswith(reason or "")
    assert (why is None) == (reason is None)
