"""A client of the booking gateway, for programs that answer at once and for asynchronous ones.

Guarantees: what may have been done is asked for again with the same key, so an intent is taken in
once however often the line breaks; a call ends by its deadline, with an answer or with a typed
error; no token is in a repr, an error or a log line. Imports httpx alone, and nothing of ours: the
folder may be copied into any project.
"""

from booking_client.async_client import AsyncBookingClient
from booking_client.client import BookingClient
from booking_client.errors import (
    BookingClientError,
    Forbidden,
    InvalidRequest,
    NotFinal,
    NotFound,
    ProblemError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from booking_client.models import (
    Accepted,
    Booking,
    BookingPage,
    BookingSummary,
    Entry,
    Payment,
    PaymentStatus,
    Slot,
    Status,
    TakenSlot,
    TakenSlots,
)
from booking_client.retries import Retries

__all__ = [
    "Accepted",
    "AsyncBookingClient",
    "Booking",
    "BookingClient",
    "BookingClientError",
    "BookingPage",
    "BookingSummary",
    "Entry",
    "Forbidden",
    "InvalidRequest",
    "NotFinal",
    "NotFound",
    "Payment",
    "PaymentStatus",
    "ProblemError",
    "Retries",
    "Slot",
    "Status",
    "TakenSlot",
    "TakenSlots",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
]
