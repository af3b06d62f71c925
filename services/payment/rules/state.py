"""What the payment service knows: charges, the captures it was asked for, and closed intents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class PaymentState(StrEnum):
    """Where the money of one charge is. It never comes back from `refund_pending`."""

    NONE = "none"  # not heard of; never stored
    CAPTURED = "captured"  # taken from the customer; the booking has not judged it yet
    SETTLED = "settled"  # pays for a confirmed booking
    REFUND_PENDING = "refund_pending"  # to go back to the customer
    REFUNDED = "refunded"  # given back


class CaptureState(StrEnum):
    """How far a capture that the customer asked for has come."""

    NONE = "none"  # not heard of; never stored
    REQUESTED = "requested"  # to be attempted, or attempted without an answer yet
    CAPTURED = "captured"  # the provider took the money
    DECLINED = "declined"  # the provider will not take it
    DROPPED = "dropped"  # never attempted, for its intent was closed by then


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What the provider says of one charge. It never changes."""

    payment_id: str
    intent_id: str
    user_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One charge and what became of it. `attempts` and `due_at` are those of its refund; a
    `due_at` of None is due at once."""

    charge: Charge
    state: PaymentState
    known_at: datetime | None = None
    attempts: int = 0
    due_at: datetime | None = None
    last_error: str | None = None
    stuck: bool = False

    def to_document(self) -> dict[str, Any]:
        """A MongoDB document of plain types; from_document() gives back an equal value."""
        return {
            "_id": self.charge.payment_id,
            "intent_id": self.charge.intent_id,
            "user_id": self.charge.user_id,
            "amount": self.charge.amount,
            "currency": self.charge.currency,
            "state": self.state.value,
            "known_at": self.known_at,
            "attempts": self.attempts,
            "due_at": self.due_at,
            "last_error": self.last_error,
            "stuck": self.stuck,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Payment:
        return cls(
            charge=Charge(
                payment_id=document["_id"],
                intent_id=document["intent_id"],
                user_id=document["user_id"],
                amount=document["amount"],
                currency=document["currency"],
            ),
            state=PaymentState(document["state"]),
            known_at=document["known_at"],
            attempts=document["attempts"],
            due_at=document["due_at"],
            last_error=document["last_error"],
            stuck=document["stuck"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One `payment.requested`, known by that event's id, which makes the provider's key too."""

    capture_id: str
    intent_id: str
    user_id: str
    amount: int
    currency: str
    payment_method: str
    state: CaptureState
    payment_id: str | None = None
    attempts: int = 0
    due_at: datetime | None = None
    last_error: str | None = None

    def to_document(self) -> dict[str, Any]:
        """A MongoDB document of plain types; from_document() gives back an equal value."""
        return {
            "_id": self.capture_id,
            "intent_id": self.intent_id,
            "user_id": self.user_id,
            "amount": self.amount,
            "currency": self.currency,
            "payment_method": self.payment_method,
            "state": self.state.value,
            "payment_id": self.payment_id,
            "attempts": self.attempts,
            "due_at": self.due_at,
            "last_error": self.last_error,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Capture:
        return cls(
            capture_id=document["_id"],
            intent_id=document["intent_id"],
            user_id=document["user_id"],
            amount=document["amount"],
            currency=document["currency"],
            payment_method=document["payment_method"],
            state=CaptureState(document["state"]),
            payment_id=document["payment_id"],
            attempts=document["attempts"],
            due_at=document["due_at"],
            last_error=document["last_error"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedIntent:
    """A booking failed or was cancelled: nothing more is to be captured for it."""

    intent_id: str

    def to_document(self) -> dict[str, Any]:
        return {"_id": self.intent_id}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> ClosedIntent:
        return cls(intent_id=document["_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The rows that one event touches, each None where there is none."""

    payment: Payment | None = None
    capture: Capture | None = None
    closed: ClosedIntent | None = None
