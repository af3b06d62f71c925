"""What the payment service knows: charges, the captures it was asked for, and closed intents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar


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
        document = {**_document(self.charge, "payment_id"), **_document(self)}
        del document["charge"]
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Payment:
        return _value(
            cls,
            document,
            charge=_value(Charge, document, payment_id=document["_id"]),
            state=PaymentState(document["state"]),
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
        return _document(self, "capture_id")

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Capture:
        return _value(
            cls,
            document,
            capture_id=document["_id"],
            state=CaptureState(document["state"]),
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


V = TypeVar("V")


def _document(value: Any, key: str | None = None) -> dict[str, Any]:
    """The fields of a dataclass in plain types, `key` as `_id`."""
    document = {name: getattr(value, name) for name in value.__dataclass_fields__}
    if key is not None:
        document["_id"] = document.pop(key)
    if "state" in document:
        document["state"] = document["state"].value
    return document


def _value(kind: Callable[..., V], document: dict[str, Any], **read: Any) -> V:
    """A dataclass of the document's fields of the same names, and of those that are `read` here."""
    names = kind.__dataclass_fields__.keys() - read.keys()  # type: ignore[attr-defined]
    return kind(**read, **{name: document[name] for name in names})
