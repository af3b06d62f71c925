"""What happens around the services in one exploration, and the values that it is made of."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.events import BookingIntentCreated, PaymentRequested
from contracts.values import Slot
from services.booking.rules.state import BookingState
from services.payment.rules.state import Charge, DisputeStatus

T0: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRICE: Final = 5_000


def intent(intent_id: str, *, slot: Slot | None = None) -> BookingIntentCreated:
    return BookingIntentCreated(
        intent_id=intent_id,
        user_id="ada",
        amount=PRICE,
        currency="USD",
        slot=slot,
        created_at=T0,
    )


def charge(payment_id: str, intent_id: str, *, amount: int = PRICE) -> Charge:
    return Charge(
        payment_id=payment_id, intent_id=intent_id, user_id="ada", amount=amount, currency="USD"
    )


def slot(first: int, quanta: int = 2) -> Slot:
    """`quanta` quarter-hours of the one resource, from the `first` on."""
    start = T0 + timedelta(minutes=15 * first)
    return Slot(resource_id="room", starts_at=start, ends_at=start + timedelta(minutes=15 * quanta))


@dataclass(frozen=True, kw_only=True)
class AskedCapture:
    """A payment method left with the intent, and the charge that the provider would make of it."""

    capture_id: str
    charge: Charge
    may_decline: bool = False
    webhook: bool = True

    @property
    def requested(self) -> PaymentRequested:
        return PaymentRequested(
            intent_id=self.charge.intent_id,
            user_id=self.charge.user_id,
            amount=self.charge.amount,
            currency=self.charge.currency,
            payment_method="card",
        )


@dataclass(frozen=True, kw_only=True)
class RefundElsewhere:
    """A refund that somebody makes at the provider, at any moment.

    Without its webhook, reconciliation finds it. A slow one is accepted first; it may fail later.
    """

    refund_id: str
    payment_id: str
    amount: int = PRICE
    webhook: bool = True
    slow: bool = False
    may_fail: bool = False


@dataclass(frozen=True, kw_only=True)
class DisputeElsewhere:
    """A dispute that the customer's bank opens at any moment, and closes at a later one."""

    dispute_id: str
    payment_id: str
    outcomes: tuple[DisputeStatus, ...] = (DisputeStatus.WON, DisputeStatus.LOST)
    amount: int = PRICE
    webhook: bool = True


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything is under way from the start, and each thing arrives whenever it likes.

    `losses` is how many attempts at the provider, for each refund and capture, may fail or lose
    their answer. With an inbox a repeat never reaches the rules; without, they have to know it.
    """

    name: str
    intents: tuple[BookingIntentCreated, ...]
    charges: tuple[Charge, ...] = ()
    captures: tuple[AskedCapture, ...] = ()
    cancels: tuple[str, ...] = ()
    elsewhere: tuple[RefundElsewhere | DisputeElsewhere, ...] = ()
    slow_refunds: bool = False  # ours are accepted first; the first of each payment may fail later
    deadlines: bool = True
    inbox: bool = False
    losses: int = 0
    gateway: bool = False  # its deliveries explored too, not only judged where all is quiet
    always: BookingState | None = None  # the end of every order, where it is claimed
    states_min: int = 1

    @property
    def intent_ids(self) -> tuple[str, ...]:
        paid = [asked.charge for asked in self.captures] + list(self.charges)
        named = [intent.intent_id for intent in self.intents] + [each.intent_id for each in paid]
        return tuple(dict.fromkeys([*named, *self.cancels]))
