"""The read model: what the gateway shows of a booking, as a projection of the events it heard.

`project` joins: the same set of events gives the same view in whatever order, and however often,
they arrive. So the view needs no inbox to be right, and no order from the broker. A view keeps the
newest entries and payments; what leaves it goes to the archive, from where `project` gets it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from contracts.events import (
    BookingCancelled,
    BookingCancelRequested,
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
from contracts.money import Money, Verdict
from contracts.values import Reason
from services.gateway.rules.view import Entry, PaymentView, Status, View

TIMELINE_MAX_ENTRIES: Final = 200
PAYMENTS_MAX: Final = 50

# What an event says of the booking, and of the payment that it names. Others say nothing of it.
STATUS_OF: Final[Mapping[type[Event], Status]] = {
    BookingIntentCreated: Status.PENDING,
    BookingConfirmed: Status.CONFIRMED,
    BookingFailed: Status.FAILED,
    BookingCancelled: Status.CANCELLED,
}
VERDICT_OF: Final[Mapping[type[Event], Verdict]] = {
    PaymentCaptured: Verdict.UNJUDGED,
    BookingConfirmed: Verdict.SETTLED,
    BookingFailed: Verdict.REFUSED,
    BookingCancelled: Verdict.REFUSED,
    BookingPaymentRejected: Verdict.REFUSED,
    PaymentRefundStuck: Verdict.REFUSED,
}
_VERDICTS: Final = tuple(Verdict)
"""The later one holds, whichever was heard of first."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """What the archive has of an event: its entry, and the payment that it names."""

    entry: bool = False
    payment: PaymentView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """The view afterwards, and what has left it for the archive."""

    view: View
    entries: tuple[Entry, ...] = ()
    payments: tuple[PaymentView, ...] = ()


def project(
    view: View | None,
    event: Event,
    *,
    event_id: str,
    time: datetime,
    trace_id: str | None,
    archived: Archived,
) -> Projection:
    """The view with `event` in it; the same view where it was in it before."""
    before = view or View(intent_id=event.intent_id)
    if archived.entry or any(entry.event_id == event_id for entry in before.timeline):
        return Projection(view=before)
    entry = Entry(
        event_id=event_id,
        type=event.TYPE,
        time=_in_milliseconds(time),
        trace_id=trace_id,
        payment_id=payment_of(event),
        reason=_reason(event),
    )
    entries = sorted((*before.timeline, entry), key=lambda known: (known.time, known.event_id))
    older_entries = tuple(entries[:-TIMELINE_MAX_ENTRIES])
    payments = _payments(before, event, entry, archived.payment)
    older_payments = tuple(payments[:-PAYMENTS_MAX])
    shown = {payment.payment_id: payment for payment in payments[-PAYMENTS_MAX:]}
    returned = len(payments) - len(before.payments) if archived.payment else 0
    after = replace(
        before,
        timeline=tuple(entries[-TIMELINE_MAX_ENTRIES:]),
        payments=tuple(shown[key] for key in sorted(shown)),
        older_entries=before.older_entries + len(older_entries),
        older_payments=before.older_payments + len(older_payments) - returned,
        cancel_requested=before.cancel_requested or isinstance(event, BookingCancelRequested),
        **_of_intent(event),
        **_risen(before, event),
    )
    return Projection(view=after, entries=older_entries, payments=older_payments)


def payment_of(event: Event) -> str | None:
    """The payment that the event names."""
    payment_id: str | None = getattr(event, "payment_id", None)
    return payment_id


def _of_intent(event: Event) -> dict[str, Any]:
    if not isinstance(event, BookingIntentCreated):
        return {}
    return {
        "user_id": event.user_id,
        "created_at": _in_milliseconds(event.created_at),
        "amount": event.amount,
        "currency": event.currency,
        "slot": event.slot,
    }


def _risen(view: View, event: Event) -> dict[str, Any]:
    status, reason = STATUS_OF.get(type(event)), _reason(event)
    if status is None or (status.rank, reason or "") <= (view.status.rank, view.reason or ""):
        return {}
    return {"status": status, "reason": reason}


def _payments(
    view: View, event: Event, entry: Entry, archived: PaymentView | None
) -> list[PaymentView]:
    """The view's payments with what the event says of its own; the one of the newest event last."""
    payments = {payment.payment_id: payment for payment in view.payments}
    verdict, money, payment_id = VERDICT_OF.get(type(event)), _money(event), entry.payment_id
    if payment_id is not None and (verdict is not None or money is not None):
        before = payments.get(payment_id) or archived or PaymentView(payment_id=payment_id)
        payments[payment_id] = replace(
            before,
            verdict=max(before.verdict, verdict or Verdict.UNJUDGED, key=_VERDICTS.index),
            money=_later(before.money, money),
            currency=before.currency or getattr(event, "currency", None),
            at=max(before.at or entry.time, entry.time),
        )
    return sorted(payments.values(), key=lambda known: (known.at or _LONG_AGO, known.payment_id))


def _money(event: Event) -> Money | None:
    """What the event says of the amounts of its payment."""
    match event:
        case PaymentCaptured() | BookingConfirmed():
            return Money(captured=event.amount)
        case PaymentRefunded(money=None):  # of version 0.1.0: refunds were whole
            return Money(captured=event.amount, refunded=event.amount, sequence=1)
    money: Money | None = getattr(event, "money", None)
    return money


def _later(known: Money | None, heard: Money | None) -> Money | None:
    if known is None or heard is None:
        return known or heard
    return max(known, heard, key=lambda money: money.sequence)


def _reason(event: Event) -> Reason | None:
    match event:
        case BookingFailed() | BookingCancelled() | BookingPaymentRejected() | PaymentFailed():
            return event.reason
    return None


def _in_milliseconds(time: datetime) -> datetime:
    """As the database keeps it, so that a view that was stored is equal to one that was not."""
    time = time.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
