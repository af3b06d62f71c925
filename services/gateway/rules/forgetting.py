"""When a booking's user may be forgotten, and what the others have to be told of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from contracts.events import BookingUserForgotten, Event, PaymentFailed, PaymentRequested
from contracts.money import PaymentStatus
from contracts.values import is_forgotten
from services.gateway.rules.core import payment_of
from services.gateway.rules.view import PaymentView, Status, View

FINAL: Final = frozenset({Status.CONFIRMED, Status.FAILED, Status.CANCELLED})
UNDER_WAY: Final = frozenset(
    {PaymentStatus.CAPTURED, PaymentStatus.REFUND_PENDING, PaymentStatus.DISPUTED}
)


def under_way(view: View, payments: Iterable[PaymentView], now: datetime) -> str | None:
    """Why the user is still needed; None where they are not."""
    if view.status not in FINAL:
        return f"it is {view.status.value}"
    if view.status is Status.CONFIRMED and view.slot is not None and view.slot.ends_at > now:
        return f"it is confirmed until {view.slot.ends_at:%Y-%m-%d %H:%M} UTC; cancel it, or wait"
    for payment in payments:
        if payment.status in UNDER_WAY:
            return f"its payment {payment.payment_id} is {payment.status.value}"
    return None


def captures_of(entries: Iterable[tuple[str, str]]) -> Sequence[str]:
    """The ids of captures among a timeline's (type, id): a capture has its event's."""
    return [event_id for event_type, event_id in entries if event_type == PaymentRequested.TYPE]


def late(view: View | None, event: Event) -> Sequence[Event]:
    """A payment that comes late for a forgotten booking brings its user along: it is told too."""
    if view is None or view.user_id is None or not is_forgotten(view.user_id):
        return []
    payment_id = payment_of(event)
    if payment_id is None and not isinstance(event, PaymentFailed):
        return []
    captures = captures_of((entry.type, entry.event_id) for entry in view.timeline)
    return [
        BookingUserForgotten(
            intent_id=view.intent_id,
            alias=view.user_id,
            payment_ids=(payment_id,) if payment_id else (),
            capture_ids=tuple(captures),
        )
    ]
