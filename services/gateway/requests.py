"""What clients may ask for, checked field by field before anything is written."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from contracts.currency import DEFAULT_CURRENCY
from contracts.events import (
    BookingCancelRequested,
    BookingIntentCreated,
    Event,
    PaymentRequested,
)
from contracts.values import Amount, Currency, Id, Reference, Slot
from postbox.events import new_id
from postbox.service import Problem

IDEMPOTENCY_KEY_MAX_CHARS = 255


class _Body(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=False
    )


class IntentBody(_Body):
    """The body of POST /booking/intent."""

    user_id: Reference
    amount: Amount
    intent_id: Id | None = None
    currency: Currency = DEFAULT_CURRENCY
    slot: Slot | None = None
    payment_method: Reference | None = None


class CancelBody(_Body):
    """The body of POST /booking/{intentId}/cancel, which may be left out."""

    requested_by: Reference = "customer"


B = TypeVar("B", bound=_Body)


def parse(kind: type[B], document: Mapping[str, Any]) -> B:
    """`document` as a `kind`; Problem 422 names the first field that is wrong, and lists all."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        problems = [
            (".".join(str(part) for part in one["loc"]), one["msg"])
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise Problem(
            422,
            "The request is not valid",
            field=problems[0][0],
            detail="; ".join(f"{field}: {message}" for field, message in problems),
        ) from error


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header; Problem 400 where it cannot be one."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_CHARS or not (key.isascii() and key.isprintable()):
        raise Problem(
            400,
            f"Idempotency-Key must be 1 to {IDEMPOTENCY_KEY_MAX_CHARS} printable ASCII characters",
            field="Idempotency-Key",
        )
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIntent:
    """A customer's intent to book, as it was sent, with an id of its own where it had none."""

    intent_id: str
    body: IntentBody
    key: str | None
    fingerprint: str

    @classmethod
    def of(cls, body: IntentBody, key: str | None) -> "CreateIntent":
        return cls(
            intent_id=body.intent_id or new_id(),
            body=body,
            key=key,
            fingerprint=_fingerprint(body),
        )

    def facts(self, now: datetime) -> list[Event]:
        """What is emitted when the intent is accepted."""
        body = self.body
        created = BookingIntentCreated(
            intent_id=self.intent_id,
            user_id=body.user_id,
            amount=body.amount,
            currency=body.currency,
            slot=body.slot,
            created_at=now,
        )
        if body.payment_method is None:
            return [created]
        requested = PaymentRequested(
            intent_id=self.intent_id,
            user_id=body.user_id,
            amount=body.amount,
            currency=body.currency,
            payment_method=body.payment_method,
        )
        return [created, requested]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBooking:
    """A customer's request to cancel a booking."""

    intent_id: str
    requested_by: str

    def facts(self) -> list[Event]:
        """What is emitted the first time it is asked for."""
        return [BookingCancelRequested(intent_id=self.intent_id, requested_by=self.requested_by)]


Command = CreateIntent | CancelBooking


def _fingerprint(body: IntentBody) -> str:
    document = body.model_dump(mode="json")
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
