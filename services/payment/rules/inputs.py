"""What the payment service decides on: events from the wire, and what it learns of the provider.

The inputs that are not events carry times because the rules have no clock; all are the database's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from contracts.events import (
    BookingCancelled,
    BookingConfirmed,
    BookingFailed,
    BookingPaymentRejected,
    PaymentRequested,
)
from services.payment.rules.state import Charge, Dispute, Refund


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeKnown:
    """A webhook or the provider's list reports a charge."""

    charge: Charge
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureDue:
    """A worker is about to ask the provider; commit the decision before asking.

    `retry_at` is when another may ask, should this one die.
    """

    capture_id: str
    intent_id: str
    now: datetime
    retry_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSucceeded:
    """The provider took the money."""

    capture_id: str
    charge: Charge
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureDeclined:
    """The provider will not take the money, however often it is asked."""

    capture_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureUnanswered:
    """A time-out, a conflict or an error: the money may have been taken, so ask again."""

    capture_id: str
    error: str
    retry_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDue:
    """A worker is about to ask the provider for a refund; commit the decision before asking.

    `look_again_at` is when to look again where there is nothing to ask for at the moment.
    """

    payment_id: str
    now: datetime
    retry_at: datetime
    look_again_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAnswered:
    """The provider made the refund that we asked for, or accepted it."""

    payment_id: str
    refund: Refund
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRefused:
    """The provider will not make this refund, for it would be more than is left: nothing was done.

    What it knows of the charge is reported before this, so that the next one asks for what is left.
    """

    payment_id: str
    error: str
    retry_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundUnanswered:
    """The provider did not say that it made the refund: ask again, with the same key."""

    payment_id: str
    error: str
    retry_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReported:
    """A webhook or the provider's list reports a refund, ours or not, and the charge it is of."""

    charge: Charge
    refund: Refund
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeReported:
    """A webhook or the provider's list reports a dispute, and the charge it is of."""

    charge: Charge
    dispute: Dispute
    at: datetime


BookingVerdict = BookingConfirmed | BookingFailed | BookingCancelled | BookingPaymentRejected
CaptureInput = (
    PaymentRequested | CaptureDue | CaptureSucceeded | CaptureDeclined | CaptureUnanswered
)
RefundJobInput = RefundDue | RefundAnswered | RefundRefused | RefundUnanswered
Report = ChargeKnown | RefundReported | DisputeReported
Input = CaptureInput | BookingVerdict | RefundJobInput | Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The `_id`s of the rows that an input touches."""

    payment_id: str | None = None
    refund_id: str | None = None
    dispute_id: str | None = None
    capture_id: str | None = None
    intent_id: str | None = None


def keys(event: Input, *, event_id: str = "") -> Keys:
    """Which rows to read before deciding; `intent_id` names the closed intent's row."""
    match event:
        case PaymentRequested():
            return Keys(capture_id=event_id, intent_id=event.intent_id)
        case CaptureDue():
            return Keys(capture_id=event.capture_id, intent_id=event.intent_id)
        case CaptureSucceeded():
            return Keys(capture_id=event.capture_id, payment_id=event.charge.payment_id)
        case CaptureDeclined() | CaptureUnanswered():
            return Keys(capture_id=event.capture_id)
        case ChargeKnown():
            return Keys(payment_id=event.charge.payment_id)
        case RefundReported():
            return Keys(payment_id=event.charge.payment_id, refund_id=event.refund.refund_id)
        case RefundAnswered():
            return Keys(payment_id=event.payment_id, refund_id=event.refund.refund_id)
        case DisputeReported():
            return Keys(payment_id=event.charge.payment_id, dispute_id=event.dispute.dispute_id)
        case BookingFailed() | BookingCancelled():
            return Keys(payment_id=event.payment_id, intent_id=event.intent_id)
        case _:
            return Keys(payment_id=event.payment_id)
