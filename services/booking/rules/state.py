"""What the booking service knows of one intent, as a value and as a document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.values import Reason, Slot


class BookingState(StrEnum):
    """How far a booking has come. `failed` and `cancelled` are final; `confirmed` may be
    cancelled and is final otherwise."""

    NONE = "none"  # nothing was heard of this intent; never stored
    PENDING = "pending"  # the intent is known and its slot held; no payment yet
    PAYMENT_RECEIVED_FIRST = "payment_received_first"  # paid, but the intent was not heard of yet
    CONFIRMED = "confirmed"  # paid, and the slot is the customer's
    FAILED = "failed"  # will not come to be; whatever was paid goes back
    CANCELLED = "cancelled"  # given up, or its money went back; what is left of it goes back


FINAL: Final = frozenset({BookingState.CONFIRMED, BookingState.FAILED, BookingState.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPayment:
    """The payment that the booking holds, or has judged: what it must be compared by."""

    payment_id: str
    user_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One intent. What the intent says is None until the intent is heard of.

    The deadline is the adapter's to set, by the database's clock, when a decision asks for it; the
    core only carries or clears it. Payments refused beside `payment` are rows of their own.
    """

    intent_id: str
    state: BookingState = BookingState.NONE
    user_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    slot: Slot | None = None
    payment: HeldPayment | None = None
    reason: Reason | None = None
    deadline_at: datetime | None = None
    deadline_traceparent: str | None = None

    @property
    def payment_id(self) -> str | None:
        return self.payment.payment_id if self.payment else None

    def to_document(self) -> dict[str, Any]:
        """A MongoDB document of plain types; from_document() gives back an equal value."""
        return {
            "_id": self.intent_id,
            "state": self.state.value,
            "user_id": self.user_id,
            "amount": self.amount,
            "currency": self.currency,
            "slot": self.slot and self.slot.model_dump(),
            "payment": self.payment
            and {
                "payment_id": self.payment.payment_id,
                "user_id": self.payment.user_id,
                "amount": self.payment.amount,
                "currency": self.payment.currency,
            },
            "reason": self.reason and self.reason.value,
            "deadline_at": self.deadline_at,
            "deadline_traceparent": self.deadline_traceparent,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Booking:
        slot, payment, reason = document["slot"], document["payment"], document["reason"]
        return cls(
            intent_id=document["_id"],
            state=BookingState(document["state"]),
            user_id=document["user_id"],
            amount=document["amount"],
            currency=document["currency"],
            slot=Slot.model_validate(slot) if slot else None,
            payment=HeldPayment(**payment) if payment else None,
            reason=Reason(reason) if reason else None,
            deadline_at=document["deadline_at"],
            deadline_traceparent=document["deadline_traceparent"],
        )
