"""What the gateway shows of one intent: a value, a document, and the JSON of GET /booking/{id}."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from contracts import rfc3339
from contracts.events import BookingCancelRequested
from contracts.money import Money, PaymentStatus, Verdict, status_of
from contracts.values import Reason, Slot


class Status(StrEnum):
    """How far the booking has come, lowest first: a view only ever rises."""

    PAYMENT_RECEIVED_FIRST = "payment_received_first"  # until the intent is known
    PENDING = "pending"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def rank(self) -> int:
        return _RANK[self]


_RANK = {one: rank for rank, one in enumerate(Status)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentView:
    """One payment; its money and currency are None where only a booking's event named it yet.

    `at` is the time of its newest event, None in a view of version 0.1.0.
    """

    payment_id: str
    verdict: Verdict = Verdict.UNJUDGED
    money: Money | None = None
    currency: str | None = None
    at: datetime | None = None

    @property
    def status(self) -> PaymentStatus:
        return status_of(self.verdict, self.money or Money(captured=1))

    def to_document(self) -> dict[str, Any]:
        return {
            "payment_id": self.payment_id,
            "status": self.status.value,
            "verdict": self.verdict.value,
            "money": self.money and self.money.model_dump(),
            "currency": self.currency,
            "at": self.at,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> PaymentView:
        if "verdict" not in document:
            document = {**document, **_of_version_0_1_0(document["status"], document["amount"])}
        at, money = document.get("at"), document["money"]
        return cls(
            payment_id=document["payment_id"],
            verdict=Verdict(document["verdict"]),
            money=money and Money.model_validate(money),
            currency=document["currency"],
            at=at and _utc(at),
        )

    def to_json(self) -> dict[str, Any]:
        money = self.money
        return {
            "paymentId": self.payment_id,
            "status": self.status.value,
            "amount": money and money.captured,
            "currency": self.currency,
            "refunded": money.refunded + money.refund_pending if money else 0,
            "disputed": money.disputed if money else 0,
            "chargedBack": money.charged_back if money else 0,
        }


def _of_version_0_1_0(status: str, amount: int | None) -> dict[str, Any]:
    """What a payment's view had then: refunds were whole."""
    refunded = {"refunded": amount, "sequence": 1} if status == PaymentStatus.REFUNDED else {}
    verdicts = {"captured": Verdict.UNJUDGED, "settled": Verdict.SETTLED}
    return {
        "verdict": verdicts.get(status, Verdict.REFUSED),
        "money": amount and {"captured": amount, **refunded},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event of the timeline, in the trace that it belongs to."""

    event_id: str
    type: str
    time: datetime
    trace_id: str | None = None
    payment_id: str | None = None
    reason: Reason | None = None

    def to_document(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id,
            "type": self.type,
            "time": self.time,
            "trace_id": self.trace_id,
            "payment_id": self.payment_id,
            "reason": self.reason and self.reason.value,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Entry:
        reason = document["reason"]
        return cls(
            event_id=document["event_id"],
            type=document["type"],
            time=_utc(document["time"]),
            trace_id=document["trace_id"],
            payment_id=document["payment_id"],
            reason=Reason(reason) if reason else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One intent. Who made it and when, amount, currency and slot are None until it is known.

    `payments` and `timeline` hold the newest; `older_payments` and `older_entries` count the rest.
    """

    intent_id: str
    user_id: str | None = None
    created_at: datetime | None = None
    status: Status = Status.PAYMENT_RECEIVED_FIRST
    reason: Reason | None = None
    amount: int | None = None
    currency: str | None = None
    slot: Slot | None = None
    payments: tuple[PaymentView, ...] = ()
    timeline: tuple[Entry, ...] = ()
    older_payments: int = 0
    older_entries: int = 0
    cancel_requested: bool = False

    def to_document(self) -> dict[str, Any]:
        """A MongoDB document of plain types; from_document() gives back an equal value."""
        return {
            "_id": self.intent_id,
            "user_id": self.user_id,
            "created_at": self.created_at,
            "status": self.status.value,
            "reason": self.reason and self.reason.value,
            "amount": self.amount,
            "currency": self.currency,
            "slot": self.slot and self.slot.model_dump(),
            "payments": [payment.to_document() for payment in self.payments],
            "timeline": [entry.to_document() for entry in self.timeline],
            "older_payments": self.older_payments,
            "older_entries": self.older_entries,
            "cancel_requested": self.cancel_requested,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> View:
        slot, reason = document["slot"], document["reason"]
        created_at = document.get("created_at")
        timeline = tuple(Entry.from_document(entry) for entry in document["timeline"])
        cancel_requested = any(entry.type == BookingCancelRequested.TYPE for entry in timeline)
        return cls(
            intent_id=document["_id"],
            user_id=document.get("user_id"),
            created_at=created_at and _utc(created_at),
            status=Status(document["status"]),
            reason=Reason(reason) if reason else None,
            amount=document["amount"],
            currency=document["currency"],
            slot=Slot.model_validate(slot) if slot else None,
            payments=tuple(PaymentView.from_document(one) for one in document["payments"]),
            timeline=timeline,
            # These, user and time of the intent are not in a view of version 0.1.0.
            older_payments=document.get("older_payments", 0),
            older_entries=document.get("older_entries", 0),
            cancel_requested=document.get("cancel_requested", cancel_requested),
        )

    def to_json(self) -> dict[str, Any]:
        """The reply to GET /booking/{intentId}. What is optional and absent is left out."""
        return {
            "intentId": self.intent_id,
            "status": self.status.value,
            **_present(reason=self.reason and self.reason.value),
            "amount": self.amount,
            "currency": self.currency,
            **_present(slot=self.slot and self.slot.model_dump(by_alias=True)),
            "payments": [payment.to_json() for payment in self.payments],
            **_present(olderPayments=self.older_payments or None),
            "timeline": [
                {
                    "id": entry.event_id,
                    "type": entry.type,
                    "time": rfc3339.render(entry.time),
                    "traceId": entry.trace_id,
                    **_present(paymentId=entry.payment_id),
                    **_present(reason=entry.reason and entry.reason.value),
                }
                for entry in self.timeline
            ],
            **_present(olderEntries=self.older_entries or None),
        }


def _utc(time: datetime) -> datetime:
    """By default a client reads the database's UTC as naive times."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _present(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
