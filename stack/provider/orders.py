"""The bodies that the provider accepts, validated strictly: no number in quotes, no float money."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

AMOUNT_MAX = 2**53 - 1
"""In minor units: the largest integer that every JSON reader keeps exact."""
METADATA_ENTRIES_MAX = 50
WEBHOOK_REPEAT_MAX = 100
DELAY_MS_MAX = 3_600_000

Id = Annotated[str, Field(min_length=1, max_length=200)]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
DelayMs = Annotated[int, Field(ge=0, le=DELAY_MS_MAX)]
Metadata = Annotated[
    dict[str, str | int | float | bool | None], Field(max_length=METADATA_ENTRIES_MAX)
]


class Body(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)


class WebhookOrder(Body):
    """How the webhook of one charge, refund or dispute misbehaves."""

    delay_ms: DelayMs = 0
    repeat: Annotated[int, Field(ge=0, le=WEBHOOK_REPEAT_MAX)] = 0
    drop: bool = False


class ChargeOrder(Body):
    intent_id: Id
    user_id: Id
    amount: Amount
    currency: Currency
    payment_id: Id | None = None
    metadata: Metadata | None = None
    webhook: WebhookOrder = WebhookOrder()


class CaptureOrder(Body):
    intent_id: Id
    user_id: Id
    amount: Amount
    currency: Currency
    payment_method: Id
    metadata: Metadata | None = None


AFTER_THE_ANSWER = WebhookOrder.model_validate({"delayMs": 250})
"""By default the answer to a refund comes before its webhook, as at real providers."""


class RefundOrder(Body):
    payment_id: Id
    amount: Amount
    currency: Currency
    webhook: WebhookOrder = AFTER_THE_ANSWER


class SettleOrder(Body):
    """How a refund that was accepted ends."""

    status: Literal["succeeded", "failed"]
    webhook: WebhookOrder = WebhookOrder()


class DisputeOrder(Body):
    payment_id: Id
    amount: Amount
    webhook: WebhookOrder = WebhookOrder()


class OutcomeOrder(Body):
    """How a dispute ends."""

    outcome: Literal["won", "lost"]
    webhook: WebhookOrder = WebhookOrder()
