"""What may be asked for in a query, checked name by name; and cursors, which only we read."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self
from urllib.parse import parse_qsl, unquote

import orjson
from pydantic import BeforeValidator, Field, PlainValidator, TypeAdapter, WithJsonSchema
from starlette.requests import Request

from contracts.values import Id, OpaqueId, Time
from postbox.service import NOT_VALID
from services.gateway.problems import NO_SUCH_RESOURCE
from services.gateway.requests import Asked
from services.gateway.rules.view import Status

LIMIT_DEFAULT: Final = 20
LIMIT_MAX: Final = 100
CURSOR_MAX_CHARS: Final = 400
FIELDS_MAX: Final = 32
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_ID: Final = TypeAdapter[str](Id)
_RESOURCE: Final = TypeAdapter[str](OpaqueId)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list of bookings, newest first: right after this one."""

    created_at: datetime
    intent_id: str

    def cursor(self) -> str:
        text = orjson.dumps([(self.created_at - _EPOCH) // _MILLISECOND, self.intent_id])
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    @classmethod
    def read(cls, cursor: object) -> Self:
        try:
            assert isinstance(cursor, str)
            assert len(cursor) <= CURSOR_MAX_CHARS
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
            milliseconds, intent_id = orjson.loads(text)
            created_at = _EPOCH + int(milliseconds) * _MILLISECOND
            return cls(created_at, _ID.validate_python(intent_id))
        except (AssertionError, ValueError, TypeError, OverflowError, binascii.Error) as error:
            raise ValueError("is none that an earlier page gave") from error


def _digits(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,4}", value):
        raise ValueError("must be a whole number")
    return value


_CURSOR: Final = {
    "type": "string",
    "maxLength": CURSOR_MAX_CHARS,
    "description": "The `next` of an earlier page; anything else is refused (422)",
}
Cursor = Annotated[Place, PlainValidator(Place.read), WithJsonSchema(_CURSOR)]
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX), BeforeValidator(_digits)]


class BookingsQuery(Asked):
    """The query of GET /bookings. Times are those at which bookings were made."""

    status: Status | None = None
    resource_id: OpaqueId | None = None
    user_id: OpaqueId | None = None
    since: Time | None = Field(default=None, alias="from")
    until: Time | None = Field(default=None, alias="to")
    cursor: Cursor | None = None
    limit: Limit = LIMIT_DEFAULT


class SlotsQuery(Asked):
    """The query of GET /resources/{resourceId}/slots: which time it is about."""

    since: Time | None = Field(default=None, alias="from")
    until: Time | None = Field(default=None, alias="to")


def asked(request: Request) -> dict[str, str]:
    """The query's fields as they were sent. Problem 422 for one that stands twice."""
    try:
        text = request.scope["query_string"].decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise NOT_VALID.problem(field="query", detail=str(error)) from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise NOT_VALID.problem(field=name, detail=f"{name}: it stands twice in the query")
        fields[name] = value
    return fields


def resource_of(request: Request) -> str:
    """The resourceId in the path, as it was sent. Problem 404 where it cannot be one."""
    try:
        path = request.scope["raw_path"].decode("ascii")
        segment = path.removeprefix("/resources/").removesuffix("/slots")
        return _RESOURCE.validate_python(unquote(segment, errors="strict"))
    except ValueError as error:
        raise NO_SUCH_RESOURCE.problem(field="resourceId") from error
