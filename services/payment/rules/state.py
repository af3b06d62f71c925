"""What the payment service knows: charges, what the provider reported of them, captures that it
was asked for, and closed intents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from contracts.money import Money, PaymentStatus, RefundedBy, Verdict, status_of
from contracts.values import is_forgotten

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RefundStatus(StrEnum):
    """How far a refund at the provider has come, earliest first: it never goes back a step."""

    NONE = "none"  # not heard of; never stored
    PENDING = "pending"  # accepted, and on its way
    SUCCEEDED = "succeeded"  # the customer has it
    FAILED = "failed"  # it did not reach the customer, which may show days later


class DisputeStatus(StrEnum):
    """How far a dispute has come."""

    NONE = "none"  # not heard of; never stored
    OPEN = "open"  # the bank asks for the money
    WON = "won"  # the money stays
    LOST = "lost"  # the bank took it


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

    def agrees(self, reported: Charge) -> bool:
        """Whether a report says the same; a user who was forgotten is not compared."""
        user_id = self.user_id if is_forgotten(self.user_id) else reported.user_id
        return self == replace(reported, user_id=user_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One refund at the provider, whoever asked for it."""

    refund_id: str
    payment_id: str
    amount: int
    status: RefundStatus
    by: RefundedBy

    def to_document(self) -> dict[str, Any]:
        return _document(self, "refund_id")

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Refund:
        return _value(
            cls,
            document,
            refund_id=document["_id"],
            status=RefundStatus(document["status"]),
            by=RefundedBy(document["by"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One dispute of a charge."""

    dispute_id: str
    payment_id: str
    amount: int
    status: DisputeStatus

    def to_document(self) -> dict[str, Any]:
        return _document(self, "dispute_id")

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Dispute:
        return _value(
            cls,
            document,
            dispute_id=document["_id"],
            status=DisputeStatus(document["status"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One charge and what became of it.

    The rest is about the refund that we make. `refunds_asked` counts those that the provider has
    answered for good, and makes the next one's key; `asking` is the amount of one that may have
    reached the provider and has no answer yet, and `asked_at` when it was first asked for. A
    `due_at` of None is due at once. `unlisted` is what version 0.1.0 gave back: it counts, and has
    no row of its own until it is reported.
    """

    charge: Charge
    money: Money
    verdict: Verdict = Verdict.UNJUDGED
    known_at: datetime | None = None
    refunds_asked: int = 0
    asking: int | None = None
    asked_at: datetime | None = None
    attempts: int = 0
    due_at: datetime | None = None
    last_error: str | None = None
    stuck: bool = False
    unlisted: int = 0

    @property
    def status(self) -> PaymentStatus:
        return status_of(self.verdict, self.money)

    @property
    def refund_key(self) -> str:
        """The idempotency key of the refund that is being asked for."""
        key = refund_key(self.charge.payment_id)
        return f"{key}:{self.refunds_asked}" if self.refunds_asked else key

    def to_document(self) -> dict[str, Any]:
        """A MongoDB document of plain types; from_document() gives back an equal value."""
        document = {**_document(self.charge, "payment_id"), **_document(self)}
        del document["charge"]
        return {**document, "state": self.status.value, "money": self.money.model_dump()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Payment:
        charge = _value(Charge, document, payment_id=document["_id"])
        if "money" not in document:
            document = {**document, **_of_version_0_1_0(charge, document["state"])}
        return _value(
            cls,
            document,
            charge=charge,
            asked_at=_asked_at(document, is_asked=document["asking"] is not None),
            money=Money.model_validate(document["money"]),
            verdict=Verdict(document["verdict"]),
        )


def refund_key(payment_id: str) -> str:
    """What every idempotency key of our refunds of a payment begins with."""
    return f"refund:{payment_id}"


def _asked_at(document: dict[str, Any], *, is_asked: bool) -> datetime | None:
    """Long ago, where a row of an earlier version does not say when."""
    found: datetime | None = document.get("asked_at", LONG_AGO if is_asked else None)
    return found


def _of_version_0_1_0(charge: Charge, state: str) -> dict[str, Any]:
    """What a payment had then: refunds were whole, and ours alone."""
    is_refunded = state == PaymentStatus.REFUNDED
    refunded = {"refunded": charge.amount, "sequence": 1} if is_refunded else {}
    return {
        "money": {"captured": charge.amount, **refunded},
        "verdict": _VERDICTS_OF_VERSION_0_1_0[state],
        "refunds_asked": int(is_refunded),
        "asking": None,
        "unlisted": charge.amount if is_refunded else 0,
    }


_VERDICTS_OF_VERSION_0_1_0: Final = {
    "captured": Verdict.UNJUDGED,
    "settled": Verdict.SETTLED,
    "refund_pending": Verdict.REFUSED,
    "refunded": Verdict.REFUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One `payment.requested`, known by that event's id, which makes the provider's key too.

    `asked_at` is when the provider was first asked for it.
    """

    capture_id: str
    intent_id: str
    user_id: str
    amount: int
    currency: str
    payment_method: str
    state: CaptureState
    payment_id: str | None = None
    asked_at: datetime | None = None
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
            asked_at=_asked_at(document, is_asked=document["attempts"] > 0),
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
    refund: Refund | None = None
    dispute: Dispute | None = None
    capture: Capture | None = None
    closed: ClosedIntent | None = None


V = TypeVar("V")


def _document(value: Any, key: str | None = None) -> dict[str, Any]:
    """The fields of a dataclass in plain types, `key` as `_id`."""
    document = {name: getattr(value, name) for name in value.__dataclass_fields__}
    if key is not None:
        document["_id"] = document.pop(key)
    plain = {name: one.value for name, one in document.items() if isinstance(one, StrEnum)}
    return {**document, **plain}


def _value(kind: Callable[..., V], document: dict[str, Any], **read: Any) -> V:
    """A dataclass of the document's fields of the same names, and of those that are `read` here."""
    names = kind.__dataclass_fields__.keys() - read.keys()  # type: ignore[attr-defined]
    return kind(**read, **{name: document[name] for name in names})
