"""What the provider says of charges, refunds and disputes, by webhook or in its lists, checked.

A body without a `type` is a charge. Fields that are not known here are the provider's own.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from contracts.currency import DEFAULT_CURRENCY
from contracts.money import RefundedBy
from contracts.values import Amount, Currency, Id, OpaqueId, Reference
from services.payment.rules.inputs import ChargeKnown, DisputeReported, RefundReported, Report
from services.payment.rules.state import (
    Charge,
    Dispute,
    DisputeStatus,
    Refund,
    RefundStatus,
    refund_key,
)

KEY_MAX_CHARS: Final = 255
KIND_MAX_CHARS: Final = 100


class UnknownReport(ValueError):
    """A report of a kind that is not known here."""


class _Reported(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class ReportedCharge(_Reported):
    """A charge. It never changes, and has no status."""

    kind: ClassVar[str] = "charge"
    collection: ClassVar[str] = "payments"
    status: ClassVar[None] = None

    payment_id: Reference
    intent_id: Id
    user_id: OpaqueId
    amount: Amount
    currency: Currency = DEFAULT_CURRENCY
    capture_id: Id | None = None
    """The capture of ours that it answers, where the provider carries that back."""

    @property
    def value(self) -> Charge:
        return Charge(
            payment_id=self.payment_id,
            intent_id=self.intent_id,
            user_id=self.user_id,
            amount=self.amount,
            currency=self.currency,
        )

    @property
    def id(self) -> str:
        return self.payment_id

    @property
    def intent(self) -> str:
        return self.intent_id

    def report(self, at: datetime) -> Report:
        return ChargeKnown(charge=self.value, at=at)


class ReportedRefund(_Reported):
    """A refund, with the charge that it is of."""

    kind: ClassVar[str] = "refund"
    collection: ClassVar[str] = "refunds"

    refund_id: Reference
    payment_id: Reference
    amount: Amount
    status: Literal[RefundStatus.PENDING, RefundStatus.SUCCEEDED, RefundStatus.FAILED]
    idempotency_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""
    charge: ReportedCharge

    @property
    def value(self) -> Refund:
        key, ours = self.idempotency_key, refund_key(self.payment_id)
        is_ours = key == ours or key.startswith(f"{ours}:")
        return Refund(
            refund_id=self.refund_id,
            payment_id=self.payment_id,
            amount=self.amount,
            status=self.status,
            by=RefundedBy.SERVICE if is_ours else RefundedBy.ELSEWHERE,
        )

    @property
    def id(self) -> str:
        return self.refund_id

    @property
    def intent(self) -> str:
        return self.charge.intent_id

    def report(self, at: datetime) -> Report:
        return RefundReported(charge=self.charge.value, refund=self.value, at=at)


class ReportedDispute(_Reported):
    """A dispute, with the charge that it is of."""

    kind: ClassVar[str] = "dispute"
    collection: ClassVar[str] = "disputes"

    dispute_id: Reference
    payment_id: Reference
    amount: Amount
    status: Literal[DisputeStatus.OPEN, DisputeStatus.WON, DisputeStatus.LOST]
    charge: ReportedCharge

    @property
    def value(self) -> Dispute:
        return Dispute(
            dispute_id=self.dispute_id,
            payment_id=self.payment_id,
            amount=self.amount,
            status=self.status,
        )

    @property
    def id(self) -> str:
        return self.dispute_id

    @property
    def intent(self) -> str:
        return self.charge.intent_id

    def report(self, at: datetime) -> Report:
        return DisputeReported(charge=self.charge.value, dispute=self.value, at=at)


Reported = ReportedCharge | ReportedRefund | ReportedDispute
KINDS: Final[Mapping[str, type[Reported]]] = {
    one.kind: one for one in (ReportedCharge, ReportedRefund, ReportedDispute)
}


class _Typed(_Reported):
    type: str = ReportedCharge.kind


class _Metadata(BaseModel):
    metadata: Mapping[str, Any]


def read_report(body: bytes) -> Reported:
    """What `body` reports; its `type` begins with the kind, as `refund.failed` does.

    ValidationError or UnknownReport where that is not known here.
    """
    type_ = _Typed.model_validate_json(body).type
    kind = KINDS.get(type_.partition(".")[0])
    if kind is None:
        raise UnknownReport(f"type: {type_[:KIND_MAX_CHARS]!r} is not known")
    return kind.model_validate_json(body)


def traceparent_of(body: bytes) -> str | None:
    """The trace that a charge was made under, where the provider carried it back."""
    try:
        metadata = _Metadata.model_validate_json(body).metadata
    except ValidationError:
        return None
    value = metadata.get("traceparent")
    return value if isinstance(value, str) else None
