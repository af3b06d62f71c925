"""A charge as the provider reports it, by webhook or in its list."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from contracts.currency import DEFAULT_CURRENCY
from contracts.values import Amount, Currency, Id, Reference
from services.payment.rules.state import Charge


class ReportedCharge(BaseModel):
    """The provider's words, checked; fields of its own are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)

    payment_id: Reference
    intent_id: Id
    user_id: Reference
    amount: Amount
    currency: Currency = DEFAULT_CURRENCY

    @property
    def charge(self) -> Charge:
        return Charge(
            payment_id=self.payment_id,
            intent_id=self.intent_id,
            user_id=self.user_id,
            amount=self.amount,
            currency=self.currency,
        )


def traceparent_of(body: bytes) -> str | None:
    """The trace that a charge was made under, where the provider carried it back."""
    try:
        metadata = _Metadata.model_validate_json(body).metadata
    except ValidationError:
        return None
    value = metadata.get("traceparent")
    return value if isinstance(value, str) else None


class _Metadata(BaseModel):
    metadata: Mapping[str, Any]
