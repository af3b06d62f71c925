"""The read model: what the gateway shows of a booking, as a projection of the events it heard.

`project` joins: the same set of events gives the same view in whatever order, and however often,
they arrive. So the view needs no inbox to be right, and no order from the broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from contracts.events import (
    BookingCancelled,
    BookingConfirmed,
    BookingFailed,
    BookingIntentCreated,
    BookingPaymentRejected,
    Event,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundStuck,
)
from contracts.values import Reason
from services.gateway.rules.view import Entry, PaymentStatus, PaymentView, Status, View

TIMELINE_MAX_ENTRIES: Final = 1_000

# What an event says of the booking, and of the payment that it names. Others say nothing of it.
STATUS_OF: Final[Mapping[type[Event], Status]] = {
    BookingIntentCreated: Status.PENDING,
    BookingConfirmed: Status.CONFIRMED,
    BookingFailed: Status.FAILED,
    BookingCancelled: Status.CANCELLED,
}
PAYMENT_STATUS_OF: Final[Mapping[type[Event], PaymentStatus]] = {
    PaymentCaptured: PaymentStatus.CAPTURED,
    BookingConfirmed: PaymentStatus.SETTLED,
    BookingFailed: PaymentStatus.REFUND_PENDING,
    BookingCancelled: PaymentStatus.REFUND_PENDING,
    BookingPaymentRejected: PaymentStatus.REFUND_PENDING,
    PaymentRefundStuck: PaymentStatus.REFUND_PENDING,
    PaymentRefunded: PaymentStatus.REFUNDED,
}


def project(
    view: View | None, event: Event, *, event_id: str, time: datetime, trace_id: str | None
) -> View:
    """The view with `event` in it; an equal view where it was in it before."""
    before = view or View(intent_id=event.intent_id)
    payment_id: str | None = getattr(event, "payment_id", None)
    entry = Entry(
        event_id=event_id,
        type=event.TYPE,
        time=_in_milliseconds(time),
        trace_id=trace_id,
        payment_id=payment_id,
        reason=_reason(event),
    )
    return replace(
        before,
        timeline=_timeline(before, entry),
        payments=_payments(before, event, payment_id),
        **_of_intent(event),
        **_risen(before, event),
    )


def _timeline(view: View, entry: Entry) -> tuple[Entry, ...]:
    """The earliest entries are kept: the smallest of a set do not depend on the order."""
    entries = {known.event_id: known for known in (*view.timeline, entry)}
    ordered = sorted(entries.values(), key=lambda known: (known.time, known.event_id))
    return tuple(ordered[:TIMELINE_MAX_ENTRIES])


def _of_intent(event: Event) -> dict[str, Any]:
    if not isinstance(event, BookingIntentCreated):
        return {}
    return {"amount": event.amount, "currency": event.currency, "slot": event.slot}


def _risen(view: View, event: Event) -> dict[str, Any]:
    status, reason = STATUS_OF.get(type(event)), _reason(event)
    if status is None or (status.rank, reason or "") <= (view.status.rank, view.reason or ""):
        return {}
    return {"status": status, "reason": reason}


def _payments(view: View, event: Event, payment_id: str | None) -> tuple[PaymentView, ...]:
    status = PAYMENT_STATUS_OF.get(type(event))
    if status is None or payment_id is None:
        return view.payments
    payments = {payment.payment_id: payment for payment in view.payments}
    before = payments.get(payment_id) or PaymentView(payment_id=payment_id, status=status)
    after = replace(before, status=max(before.status, status, key=lambda known: known.rank))
    if isinstance(event, PaymentCaptured | BookingConfirmed | PaymentRefunded):
        after = replace(after, amount=event.amount, currency=event.currency)
    payments[payment_id] = after
    return tuple(payments[key] for key in sorted(payments))


def _reason(event: Event) -> Reason | None:
    match event:
        case BookingFailed() | BookingCancelled() | BookingPaymentRejected() | PaymentFailed():
            return event.reason
    return None


def _in_milliseconds(time: datetime) -> datetime:
    """As the database keeps it, so that a view that was stored is equal to one that was not."""
    time = time.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
