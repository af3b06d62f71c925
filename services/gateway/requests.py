"""What clients may ask for, checked field by field before anything is written."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from contracts.currency import DEFAULT_CURRENCY
from contracts.events import (
    BookingCancelRequested,
    BookingIntentCreated,
    Event,
    PaymentRequested,
)
from contracts.values import Amount, Currency, Id, OpaqueId, Slot
from postbox.events import new_id
from postbox.service import NOT_VALID
from services.gateway.access.caller import Caller
from services.gateway.problems import KEY_NOT_VALID, NO_SUCH_BOOKING

IDEMPOTENCY_KEY_MAX_CHARS = 255
_ID = TypeAdapter[str](Id)
SOMEBODY = "customer"
"""Who asks for a cancellation where neither a token nor the request says it."""


class Asked(BaseModel):
    """What a client sends, by the names of the wire alone; a name that is not known is refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=False
    )


class IntentBody(Asked):
    """The body of POST /booking/intent. The user is the token's, where one is asked for."""

    user_id: OpaqueId | None = None
    amount: Amount
    intent_id: Id | None = None
    currency: Currency = DEFAULT_CURRENCY
    slot: Slot | None = None
    payment_method: OpaqueId | None = None


class CancelBody(Asked):
    """The body of POST /booking/{intentId}/cancel, which may be left out."""

    requested_by: OpaqueId | None = None


B = TypeVar("B", bound=Asked)


def parse(kind: type[B], document: Mapping[str, Any]) -> B:
    """`document` as a `kind`; Problem 422 names the first field that is wrong, and lists all."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        problems = [
            (".".join(str(part) for part in one["loc"]), one["msg"])
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise NOT_VALID.problem(
            field=problems[0][0],
            detail="; ".join(f"{field}: {message}" for field, message in problems),
        ) from error


def intent_id_of(request: Request) -> str:
    """The intentId in the path; Problem 404 where it cannot be one."""
    try:
        return _ID.validate_python(request.path_params["intentId"])
    except ValidationError as error:
        raise NO_SUCH_BOOKING.problem(field="intentId") from error


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header; Problem 400 where it cannot be one."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0]
    if (
        len(keys) > 1
        or not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_CHARS
        or not (key.isascii() and key.isprintable())
    ):
        raise KEY_NOT_VALID.problem(field="Idempotency-Key")
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIntent:
    """A user's intent to book, with an id of its own where it was sent with none."""

    intent_id: str
    user_id: str
    body: IntentBody
    key: str | None
    fingerprint: str

    @classmethod
    def of(cls, body: IntentBody, caller: Caller, key: str | None) -> "CreateIntent":
        """Problem 403 where the caller may not book for the user that the body names."""
        user_id = caller.acting_for(body.user_id, field="userId")
        return cls(
            intent_id=body.intent_id or new_id(),
            user_id=user_id,
            body=body,
            key=caller.own(key),
            fingerprint=_fingerprint(body, user_id),
        )

    def facts(self, now: datetime) -> list[Event]:
        """What is emitted when the intent is accepted."""
        body = self.body
        created = BookingIntentCreated(
            intent_id=self.intent_id,
            user_id=self.user_id,
            amount=body.amount,
            currency=body.currency,
            slot=body.slot,
            created_at=now,
        )
        if body.payment_method is None:
            return [created]
        requested = PaymentRequested(
            intent_id=self.intent_id,
            user_id=self.user_id,
            amount=body.amount,
            currency=body.currency,
            payment_method=body.payment_method,
        )
        return [created, requested]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBooking:
    """A request to cancel a booking, of a caller who may see it or not."""

    intent_id: str
    requested_by: str
    caller: Caller

    @classmethod
    def of(cls, intent_id: str, body: CancelBody, caller: Caller) -> "CancelBooking":
        """Problem 403 where the caller may not ask in the name that the body gives."""
        if body.requested_by is None and caller.subject is None:
            requested_by = SOMEBODY
        else:
            requested_by = caller.acting_for(body.requested_by, field="requestedBy")
        return cls(intent_id=intent_id, requested_by=requested_by, caller=caller)

    def facts(self) -> list[Event]:
        """What is emitted the first time it is asked for."""
        return [BookingCancelRequested(intent_id=self.intent_id, requested_by=self.requested_by)]


Command = CreateIntent | CancelBooking


def _fingerprint(body: IntentBody, user_id: str) -> str:
    document = {**body.model_dump(mode="json"), "user_id": user_id}
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
