"""Every event that crosses the wire: a fact, in the past tense, that never changes.

Readers are tolerant: a field that they do not know is ignored, so an additive change keeps the
type. A breaking change gets a type of its own, like `booking.confirmed.v2`, beside the old one.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, ValidationError

from contracts.errors import InvalidEvent, UnknownEventType
from contracts.money import Money, RefundedBy
from contracts.values import (
    Amount,
    Count,
    Currency,
    ErrorText,
    Id,
    OpaqueId,
    Reason,
    Reference,
    Slot,
    Time,
    Value,
)

IDS_MAX: Final = 500
"""In one event."""


class Event(Value):
    """What all events share: a type, a source and the intent they are about."""

    TYPE: ClassVar[str]
    SOURCE: ClassVar[str]

    intent_id: Id

    @property
    def subject(self) -> str:
        return self.intent_id

    def data(self) -> dict[str, Any]:
        """The event as JSON has it: camelCase, times as RFC 3339, what is absent left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class GatewayEvent(Event):
    SOURCE: ClassVar[str] = "/services/gateway"


class BookingEvent(Event):
    SOURCE: ClassVar[str] = "/services/booking"


class PaymentEvent(Event):
    SOURCE: ClassVar[str] = "/services/payment"


class BookingIntentCreated(GatewayEvent):
    """A customer intends to book, for this price."""

    TYPE = "booking.intent.created"
    user_id: OpaqueId
    amount: Amount
    currency: Currency
    slot: Slot | None = None
    created_at: Time


class BookingCancelRequested(GatewayEvent):
    """Somebody asked that the booking be cancelled."""

    TYPE = "booking.cancel.requested"
    requested_by: OpaqueId


class PaymentRequested(GatewayEvent):
    """The customer left a payment method with the intent: capture the price from it."""

    TYPE = "payment.requested"
    user_id: OpaqueId
    amount: Amount
    currency: Currency
    payment_method: OpaqueId


class BookingUserForgotten(GatewayEvent):
    """The user is to be forgotten: `alias` takes their place in a booking that has come to its end.

    It does not name the user, so that erasing an id does not spread it once more. The payments and
    captures are those that the gateway knew of then.
    """

    TYPE = "booking.user.forgotten"
    alias: OpaqueId
    payment_ids: Annotated[tuple[Reference, ...], Field(max_length=IDS_MAX)]
    capture_ids: Annotated[tuple[Id, ...], Field(max_length=IDS_MAX)]


class PaymentCaptured(PaymentEvent):
    """The provider took the money."""

    TYPE = "payment.captured"
    payment_id: Reference
    user_id: OpaqueId
    amount: Amount
    currency: Currency


class PaymentFailed(PaymentEvent):
    """A capture that was asked for did not happen, and will not."""

    TYPE = "payment.failed"
    payment_id: Reference | None = None
    reason: Reason


class BookingConfirmed(BookingEvent):
    """The booking stands, paid by this payment."""

    TYPE = "booking.confirmed"
    payment_id: Reference
    amount: Amount
    currency: Currency


class BookingFailed(BookingEvent):
    """The booking did not come to be; the payment that it held or judged goes back."""

    TYPE = "booking.failed"
    payment_id: Reference | None = None
    reason: Reason


class BookingCancelled(BookingEvent):
    """The booking was cancelled; the payment that it held goes back."""

    TYPE = "booking.cancelled"
    payment_id: Reference | None = None
    reason: Reason


class BookingPaymentRejected(BookingEvent):
    """A late or second payment that the booking has no use for; it goes back."""

    TYPE = "booking.payment.rejected"
    payment_id: Reference
    reason: Reason


class PaymentRefunded(PaymentEvent):
    """The provider gave `amount` back. `money` says what is left of the payment.

    Version 0.1.0 left out `refund_id`, `by` and `money`: that was a whole refund of our own.
    """

    TYPE = "payment.refunded"
    payment_id: Reference
    amount: Amount
    currency: Currency
    refund_id: Reference | None = None
    by: RefundedBy | None = None
    money: Money | None = None


class PaymentRefundPending(PaymentEvent):
    """The provider accepted a refund, which is on its way and may still fail."""

    TYPE = "payment.refund.pending"
    payment_id: Reference
    amount: Amount
    currency: Currency
    refund_id: Reference
    by: RefundedBy
    money: Money


class PaymentRefundFailed(PaymentEvent):
    """A refund that was accepted did not reach the customer; the money is with us again."""

    TYPE = "payment.refund.failed"
    payment_id: Reference
    amount: Amount
    currency: Currency
    refund_id: Reference
    by: RefundedBy
    money: Money


class PaymentDisputed(PaymentEvent):
    """The customer's bank asks for `amount` back; the outcome is open."""

    TYPE = "payment.disputed"
    payment_id: Reference
    amount: Amount
    currency: Currency
    dispute_id: Reference
    money: Money


class PaymentDisputeClosed(PaymentEvent):
    """A dispute was won: the money stays."""

    TYPE = "payment.dispute.closed"
    payment_id: Reference
    amount: Amount
    currency: Currency
    dispute_id: Reference
    money: Money


class PaymentChargedBack(PaymentEvent):
    """A dispute was lost: the customer's bank took `amount` back."""

    TYPE = "payment.charged_back"
    payment_id: Reference
    amount: Amount
    currency: Currency
    dispute_id: Reference
    money: Money


class PaymentRefundStuck(PaymentEvent):
    """The refund keeps failing; it is still tried, and somebody should look."""

    TYPE = "payment.refund.stuck"
    payment_id: Reference
    attempts: Count
    last_error: ErrorText


EVENTS: Final[Mapping[str, type[Event]]] = {
    event.TYPE: event
    for event in (
        BookingIntentCreated,
        BookingCancelRequested,
        PaymentRequested,
        BookingUserForgotten,
        PaymentCaptured,
        PaymentFailed,
        BookingConfirmed,
        BookingFailed,
        BookingCancelled,
        BookingPaymentRejected,
        PaymentRefunded,
        PaymentRefundPending,
        PaymentRefundFailed,
        PaymentRefundStuck,
        PaymentDisputed,
        PaymentDisputeClosed,
        PaymentChargedBack,
    )
}


def decode(event_type: str, data: object) -> Event:
    """The event that `data`, as read from JSON, stands for; UnknownEventType or InvalidEvent."""
    event = EVENTS.get(event_type)
    if event is None:
        raise UnknownEventType(event_type)
    try:
        return event.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidEvent(event_type, _fields(error)) from error


def _fields(error: ValidationError) -> list[tuple[str, str]]:
    return [
        (".".join(map(str, problem["loc"])) or "data", problem["msg"])
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
