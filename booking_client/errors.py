"""What a call raises. None of it holds a token."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from booking_client.models import Booking

BLANK: Final = "about:blank"


class BookingClientError(Exception):
    """The base of all."""


class Unreachable(BookingClientError):
    """No answer came. What was asked for may have been done: ask again, with the same key."""


class UnexpectedAnswer(BookingClientError):
    """The answer is none that the API's description has: another program answered, or a proxy."""


class NotFinal(BookingClientError):
    """The deadline came first. `booking` is what was seen last, None where nothing was."""

    def __init__(self, intent_id: str, booking: Booking | None) -> None:
        seen = booking.status.value if booking else "not seen"
        super().__init__(f"{intent_id} is not final yet: {seen}")
        self.intent_id = intent_id
        self.booking = booking


class ProblemError(BookingClientError):
    """A problem document (RFC 9457): its type, and the field that was wrong, where one was."""

    def __init__(
        self, status: int, document: Mapping[str, object], retry_after: str | None
    ) -> None:
        self.status = status
        self.type = _text(document.get("type")) or BLANK
        self.title = _text(document.get("title")) or _phrase(status)
        self.field = _text(document.get("field"))
        self.detail = _text(document.get("detail"))
        self.retry_after_s = _seconds(retry_after)
        super().__init__(str(self))

    def __str__(self) -> str:
        kind = "" if self.type == BLANK else f" [{self.type}]"
        where = f" ({self.field})" if self.field else ""
        why = f": {self.detail}" if self.detail else ""
        return f"{self.status} {self.title}{kind}{where}{why}"


class InvalidRequest(ProblemError):
    """400, 413, 415, 422, 431: the request is wrong, or its key was used before with another."""


class Unauthenticated(ProblemError):
    """401: there is no token, or it is not good."""


class Forbidden(ProblemError):
    """403: the token is another user's."""


class NotFound(ProblemError):
    """404: no such booking, or none that the caller may see."""


class TooManyRequests(ProblemError):
    """429, still when the deadline came; `retry_after_s` says when to come again."""


class Unavailable(ProblemError):
    """408, 500, 502, 503 or 504, still when the deadline came."""


_KINDS: Final[Mapping[int, type[ProblemError]]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
    431: InvalidRequest,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def problem(
    status: int, document: Mapping[str, object], retry_after: str | None = None
) -> ProblemError:
    """The error that an answer with this status and problem document is."""
    return _KINDS.get(status, ProblemError)(status, document, retry_after)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After, as seconds or as a date (RFC 9110); None where it says neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
