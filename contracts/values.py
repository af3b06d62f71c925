"""The values that events are made of, each with its limits; nothing invalid can be built."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel

from contracts import rfc3339
from contracts.currency import CURRENCIES

ID_MAX_CHARS: Final = 128
ERROR_MAX_CHARS: Final = 1_000
AMOUNT_MAX_MINOR_UNITS: Final = 10**12
QUANTUM: Final = timedelta(minutes=15)
SLOT_MAX_QUANTA: Final = 96


class Reason(StrEnum):
    """Why a booking or a payment did not come to be."""

    AMOUNT_MISMATCH = "amount_mismatch"
    CURRENCY_MISMATCH = "currency_mismatch"
    USER_MISMATCH = "user_mismatch"
    SLOT_UNAVAILABLE = "slot_unavailable"
    PAYMENT_TIMEOUT = "payment_timeout"
    INTENT_MISSING = "intent_missing"
    CANCELLED = "cancelled"
    ALREADY_PAID = "already_paid"
    BOOKING_CLOSED = "booking_closed"
    DECLINED = "declined"
    REFUNDED_ELSEWHERE = "refunded_elsewhere"
    CHARGED_BACK = "charged_back"


def _time(value: object) -> datetime:
    if isinstance(value, datetime):
        return rfc3339.to_utc(value)
    if isinstance(value, str):
        return rfc3339.parse(value)
    raise ValueError("must be an RFC 3339 time")


def _listed_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError("must be a currency code of ISO 4217")
    return code


_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
_SPACE: Final = r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_OPAQUE: Final = f"^[^{_CONTROL}{_SPACE}]([^{_CONTROL}]*[^{_CONTROL}{_SPACE}])?$"
_is_opaque: Final = re.compile(_OPAQUE).fullmatch


def _opaque(text: str) -> str:
    if not _is_opaque(text):
        raise ValueError("must have no control characters, and no space at its ends")
    return text


# An id that stands in a path or before a "/" in a key has no "/" itself.
_Text = Field(strict=True, min_length=1, max_length=ID_MAX_CHARS)
Id = Annotated[str, _Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+-]*$")]
Reference = Annotated[str, _Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]*$")]
OpaqueId = Annotated[
    str, _Text, Field(json_schema_extra={"pattern": _OPAQUE}), AfterValidator(_opaque)
]
"""As somebody else gave it out: any printable text, compared as it was sent, normalized or not."""
FORGOTTEN: Final = "forgotten:"
"""What the id of a user begins with who was forgotten. What follows was drawn for one booking."""
ErrorText = Annotated[str, Field(strict=True, max_length=ERROR_MAX_CHARS)]
Amount = Annotated[int, Field(strict=True, gt=0, le=AMOUNT_MAX_MINOR_UNITS)]
Currency = Annotated[
    str, Field(strict=True, pattern=r"^[A-Z]{3}$"), AfterValidator(_listed_currency)
]
Count = Annotated[int, Field(strict=True, ge=1)]
Time = Annotated[
    datetime,
    BeforeValidator(_time),
    PlainSerializer(rfc3339.render, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Value(BaseModel):
    """Frozen; snake_case here, camelCase on the wire; what it does not know it ignores."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True
    )


class Slot(Value):
    """A resource from one time to another, in whole quarter-hours of UTC, a day at most."""

    resource_id: OpaqueId
    starts_at: Time
    ends_at: Time

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _on_the_grid(cls, time: datetime) -> datetime:
        if time.minute % 15 or time.second or time.microsecond:
            raise ValueError("must be on a quarter-hour of UTC")
        return time

    @field_validator("ends_at")
    @classmethod
    def _after_the_start(cls, ends_at: datetime, info: ValidationInfo) -> datetime:
        starts_at = info.data.get("starts_at")
        if starts_at is None:  # its own error is reported already
            return ends_at
        if ends_at <= starts_at:
            raise ValueError("must be after startsAt")
        if ends_at - starts_at > SLOT_MAX_QUANTA * QUANTUM:
            raise ValueError(f"must be at most {SLOT_MAX_QUANTA} quarter-hours after startsAt")
        return ends_at

    def quanta(self) -> tuple[str, ...]:
        """The key of each quarter-hour that the slot covers: "<resourceId>/<its start>".

        The resourceId is percent-encoded, but for what every version has allowed in one.
        """
        resource = quote(self.resource_id, safe=":@+")
        return tuple(f"{resource}/{rfc3339.render(start)}" for start in self._starts())

    def _starts(self) -> Iterator[datetime]:
        for index in range((self.ends_at - self.starts_at) // QUANTUM):
            yield self.starts_at + index * QUANTUM


def is_forgotten(user_id: str | None) -> bool:
    """Whether this stands in for a user who was forgotten."""
    return user_id is not None and user_id.startswith(FORGOTTEN)
