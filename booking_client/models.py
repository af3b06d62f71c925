"""What the gateway answers with, as docs/api/gateway.json has it; a test compares the two.

Fields that a newer gateway adds are passed over, and a status that it adds is `UNKNOWN`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How far a booking has come, lowest first: it only ever rises."""

    PAYMENT_RECEIVED_FIRST = "payment_received_first"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "Status":
        return cls.UNKNOWN

    @property
    def is_final(self) -> bool:
        """Whether it stays so; a confirmed booking can still be cancelled."""
        return self in (Status.CONFIRMED, Status.FAILED, Status.CANCELLED)


class PaymentStatus(StrEnum):
    """Where the money of one payment is."""

    CAPTURED = "captured"
    SETTLED = "settled"
    PARTIALLY_REFUNDED = "partially_refunded"
    DISPUTED = "disputed"
    REFUND_PENDING = "refund_pending"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "PaymentStatus":
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A resource from one time to another, in whole quarter-hours of UTC."""

    resource_id: str
    starts_at: datetime
    ends_at: datetime

    def to_json(self) -> dict[str, str]:
        for name, time in (("starts_at", self.starts_at), ("ends_at", self.ends_at)):
            if time.tzinfo is None:
                raise ValueError(f"slot.{name}: must have a time zone")
        return {
            "resourceId": self.resource_id,
            "startsAt": self.starts_at.isoformat(),
            "endsAt": self.ends_at.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An intent, or a cancellation, that cannot be lost any more; the outcome follows.

    `replayed` where the gateway had accepted it before. `trace` is the W3C `traceresponse`.
    """

    intent_id: str
    status: str
    links: dict[str, Any]
    replayed: bool = field(default=False, metadata={"header": "Idempotent-Replayed"})
    trace: str | None = field(default=None, metadata={"header": "traceresponse"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment; amounts are in the currency's minor unit."""

    payment_id: str
    status: PaymentStatus
    amount: int | None = None
    currency: str | None = None
    refunded: int = 0
    disputed: int = 0
    charged_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event of a booking's timeline."""

    id: str
    type: str
    time: datetime
    trace_id: str | None = None
    payment_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What became of an intent. Amount and currency are None until the intent is known."""

    intent_id: str
    status: Status
    amount: int | None
    currency: str | None
    payments: tuple[Payment, ...]
    timeline: tuple[Entry, ...]
    reason: str | None = None
    slot: Slot | None = None
    older_payments: int = 0
    older_entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingSummary:
    """A booking as a list has it."""

    intent_id: str
    user_id: str
    status: Status
    amount: int
    currency: str
    created_at: datetime
    links: dict[str, Any]
    reason: str | None = None
    slot: Slot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingPage:
    """Some bookings, newest first; `next` is the cursor of the page after it, None at the end."""

    bookings: tuple[BookingSummary, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenSlot:
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenSlots:
    """What is taken of a resource from `since` to `until`, which may be less than was asked for."""

    resource_id: str
    since: datetime = field(metadata={"name": "from"})
    until: datetime = field(metadata={"name": "to"})
    taken: tuple[TakenSlot, ...]
