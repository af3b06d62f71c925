"""What every event looks like on the wire, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.currency import CURRENCIES, DEFAULT_CURRENCY
from contracts.errors import InvalidEvent, UnknownEventType
from contracts.events import (
    EVENTS,
    BookingCancelled,
    BookingCancelRequested,
    BookingConfirmed,
    BookingFailed,
    BookingIntentCreated,
    BookingPaymentRejected,
    BookingUserForgotten,
    Event,
    PaymentCaptured,
    PaymentChargedBack,
    PaymentDisputeClosed,
    PaymentDisputed,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRefundPending,
    PaymentRefundStuck,
    PaymentRequested,
    decode,
)
from contracts.money import Money, RefundedBy
from contracts.values import AMOUNT_MAX_MINOR_UNITS, ERROR_MAX_CHARS, ID_MAX_CHARS, Reason, Slot

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SLOT = Slot(resource_id="room-1", starts_at=NOON, ends_at=NOON + timedelta(minutes=30))
MONEY: dict[str, Any] = {"amount": 5_000, "currency": "EUR"}
PAID: dict[str, Any] = {"intent_id": "i1", "payment_id": "p1"}

_LEFT: dict[str, Any] = {
    "sequence": 2,
    "captured": 5000,
    "refunded": 2000,
    "refundPending": 0,
    "disputed": 0,
    "chargedBack": 3000,
}
_OF: dict[str, Any] = {**MONEY, "money": Money.model_validate(_LEFT)}
OF_REFUND: dict[str, Any] = {**_OF, "refund_id": "r1", "by": RefundedBy.ELSEWHERE}
OF_DISPUTE: dict[str, Any] = {**_OF, "dispute_id": "d1"}
WIRE: dict[str, Any] = {
    "intentId": "i1",
    "paymentId": "p1",
    "amount": 5000,
    "currency": "EUR",
    "money": _LEFT,
}
GOLDEN: tuple[tuple[Event, dict[str, Any]], ...] = (
    (
        BookingIntentCreated(intent_id="i1", user_id="u1", slot=SLOT, created_at=NOON, **MONEY),
        {
            "intentId": "i1",
            "userId": "u1",
            "amount": 5000,
            "currency": "EUR",
            "slot": {
                "resourceId": "room-1",
                "startsAt": "2026-01-31T12:00:00Z",
                "endsAt": "2026-01-31T12:30:00Z",
            },
            "createdAt": "2026-01-31T12:00:00Z",
        },
    ),
    (
        BookingCancelRequested(intent_id="i1", requested_by="u1"),
        {"intentId": "i1", "requestedBy": "u1"},
    ),
    (
        PaymentRequested(intent_id="i1", user_id="u1", payment_method="card", **MONEY),
        {
            "intentId": "i1",
            "userId": "u1",
            "amount": 5000,
            "currency": "EUR",
            "paymentMethod": "card",
        },
    ),
    (
        BookingUserForgotten(
            intent_id="i1", alias="forgotten:f00d", payment_ids=("p1",), capture_ids=("c1",)
        ),
        {
            "intentId": "i1",
            "alias": "forgotten:f00d",
            "paymentIds": ["p1"],
            "captureIds": ["c1"],
        },
    ),
    (
        PaymentCaptured(user_id="u1", **PAID, **MONEY),
        {"intentId": "i1", "paymentId": "p1", "userId": "u1", "amount": 5000, "currency": "EUR"},
    ),
    (
        PaymentFailed(intent_id="i1", reason=Reason.DECLINED),
        {"intentId": "i1", "reason": "declined"},
    ),
    (
        BookingConfirmed(**PAID, **MONEY),
        {"intentId": "i1", "paymentId": "p1", "amount": 5000, "currency": "EUR"},
    ),
    (
        BookingFailed(intent_id="i1", reason=Reason.PAYMENT_TIMEOUT),
        {"intentId": "i1", "reason": "payment_timeout"},
    ),
    (
        BookingCancelled(**PAID, reason=Reason.CANCELLED),
        {"intentId": "i1", "paymentId": "p1", "reason": "cancelled"},
    ),
    (
        BookingPaymentRejected(**PAID, reason=Reason.ALREADY_PAID),
        {"intentId": "i1", "paymentId": "p1", "reason": "already_paid"},
    ),
    (
        PaymentRefunded(**PAID, **MONEY),
        {"intentId": "i1", "paymentId": "p1", "amount": 5000, "currency": "EUR"},
    ),
    (
        PaymentRefunded(**PAID, **OF_REFUND),
        {**WIRE, "refundId": "r1", "by": "elsewhere"},
    ),
    (
        PaymentRefundPending(**PAID, **OF_REFUND),
        {**WIRE, "refundId": "r1", "by": "elsewhere"},
    ),
    (
        PaymentRefundFailed(**PAID, **OF_REFUND),
        {**WIRE, "refundId": "r1", "by": "elsewhere"},
    ),
    (PaymentDisputed(**PAID, **OF_DISPUTE), {**WIRE, "disputeId": "d1"}),
    (PaymentDisputeClosed(**PAID, **OF_DISPUTE), {**WIRE, "disputeId": "d1"}),
    (PaymentChargedBack(**PAID, **OF_DISPUTE), {**WIRE, "disputeId": "d1"}),
    (
        PaymentRefundStuck(**PAID, attempts=10, last_error="503"),
        {"intentId": "i1", "paymentId": "p1", "attempts": 10, "lastError": "503"},
    ),
)
CREATED = GOLDEN[0][1]
BAD_AMOUNTS: tuple[object, ...] = (0, -1, 1.0, 1.5, 10**30, "100", float("nan"), True, None)
BAD_TIMES: tuple[object, ...] = (1769860800, "1769860800", "2026-01-31", "today", None)
BAD_OPAQUE: tuple[object, ...] = (
    *("", " a", "a ", "\u00a0a", "a\u2028", "a\x00", "a\nb", "a\x85b", "\ud800", "a" * 129),
    *(None, 7, ["u1"]),
)
BAD_SLOTS: tuple[object, ...] = ("tomorrow", [], 7)
BAD_CURRENCIES: tuple[object, ...] = ("usd", "XXX", "US", "EURO", "", 840, None)
BAD_IDS: tuple[object, ...] = ("", "a/b", " a", "a b", "-a", "a\n", "é", 7, None)


def test_every_event_has_a_golden_form() -> None:
    assert {event.TYPE for event, _ in GOLDEN} == EVENTS.keys()


@pytest.mark.parametrize(("event", "data"), GOLDEN, ids=lambda case: getattr(case, "TYPE", ""))
def test_golden(event: Event, data: dict[str, Any]) -> None:
    assert event.data() == data
    assert decode(event.TYPE, data) == event
    assert event.subject == "i1"


@pytest.mark.parametrize(("event", "data"), GOLDEN, ids=lambda case: getattr(case, "TYPE", ""))
def test_each_field_that_is_missing_is_named(event: Event, data: dict[str, Any]) -> None:
    optional = {"slot"}
    if type(event) in (BookingFailed, BookingCancelled):
        optional |= {"paymentId"}
    if type(event) is PaymentRefunded:  # version 0.1.0 had none of them
        optional |= {"refundId", "by", "money"}
    for name in data.keys() - optional:
        with pytest.raises(InvalidEvent, match=f"{name}: Field required"):
            decode(event.TYPE, {key: value for key, value in data.items() if key != name})


def test_a_field_that_is_not_known_is_ignored() -> None:
    assert decode("booking.intent.created", {**CREATED, "colour": "red"}).data() == CREATED


def test_the_wire_speaks_camel_case_only() -> None:
    with pytest.raises(InvalidEvent, match="intentId: Field required"):
        decode("booking.cancel.requested", {"intent_id": "i1", "requestedBy": "u1"})


def test_an_unknown_type_is_reported() -> None:
    with pytest.raises(UnknownEventType, match=r"booking\.confirmed\.v2"):
        decode("booking.confirmed.v2", {})


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_what_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(InvalidEvent, match=r"^booking\.confirmed: data: "):
        decode("booking.confirmed", data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("amount", bad) for bad in BAD_AMOUNTS),
        ("amount", AMOUNT_MAX_MINOR_UNITS + 1),
        *(("currency", bad) for bad in BAD_CURRENCIES),
        *(("intentId", bad) for bad in BAD_IDS),
        ("intentId", "a" * (ID_MAX_CHARS + 1)),
        *(("userId", bad) for bad in BAD_OPAQUE),
        *(("createdAt", bad) for bad in BAD_TIMES),
        ("createdAt", "2026-01-31T12:00:00"),
        ("createdAt", "2026-02-30T12:00:00Z"),
        ("createdAt", "0001-01-01T00:00:00+05:00"),
        *(("slot", bad) for bad in BAD_SLOTS),
    ],
)
def test_bad_values_are_refused_by_the_name_of_their_field(field: str, value: object) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode("booking.intent.created", {**CREATED, field: value})
    assert [name for name, _ in caught.value.errors] == [field]


def test_the_limits_themselves_are_allowed() -> None:
    extreme = {
        "amount": AMOUNT_MAX_MINOR_UNITS,
        "intentId": "a" * ID_MAX_CHARS,
        "userId": "é" * 128,
    }
    assert decode("booking.intent.created", {**CREATED, **extreme}).data()["amount"] == 10**12
    assert decode("booking.intent.created", {**CREATED, "amount": 1}).data()["amount"] == 1


def test_an_error_text_is_bounded() -> None:
    with pytest.raises(ValidationError, match="last_error"):
        PaymentRefundStuck(**PAID, attempts=1, last_error="x" * (ERROR_MAX_CHARS + 1))


def test_a_time_is_kept_as_the_instant_that_it_names() -> None:
    event = decode(
        "booking.intent.created", {**CREATED, "createdAt": "2026-01-31T14:30:00.125+02:00"}
    )
    assert event.data()["createdAt"] == "2026-01-31T12:30:00.125000Z"
    assert decode(event.TYPE, event.data()) == event


def test_events_are_frozen_and_equal_by_value() -> None:
    event = PaymentRefunded(**PAID, **MONEY)
    with pytest.raises(ValidationError, match="frozen"):
        event.amount = 1  # type: ignore[misc] # that it is refused is the point
    assert {event: 1}[PaymentRefunded(**PAID, **MONEY)] == 1


def test_the_default_currency_is_one_of_the_list() -> None:
    assert DEFAULT_CURRENCY in CURRENCIES
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES)


# Slots


def _slot(starts: str, ends: str, resource: str = "room-1") -> Slot:
    fields = {"resourceId": resource, "startsAt": starts, "endsAt": ends}
    created = decode("booking.intent.created", {**CREATED, "slot": fields})
    assert isinstance(created, BookingIntentCreated)
    assert created.slot is not None
    return created.slot


def test_a_slot_covers_each_of_its_quarter_hours_in_utc() -> None:
    slot = _slot("2026-01-31T23:45:00+00:00", "2026-02-01T01:15:00+01:00")
    assert slot.quanta() == ("room-1/2026-01-31T23:45:00Z", "room-1/2026-02-01T00:00:00Z")


def test_slots_that_touch_share_no_quantum() -> None:
    first = _slot("2026-01-31T12:00:00Z", "2026-01-31T12:30:00Z")
    second = _slot("2026-01-31T12:30:00Z", "2026-01-31T13:00:00Z")
    assert not set(first.quanta()) & set(second.quanta())


def test_a_slot_may_be_a_day_long() -> None:
    assert len(_slot("2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z").quanta()) == 96


def test_an_offset_that_is_no_quarter_hour_is_judged_in_utc() -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    start = datetime(2026, 1, 31, 12, 0, tzinfo=kathmandu)
    slot = Slot(resource_id="r", starts_at=start, ends_at=start + timedelta(minutes=15))
    assert slot.quanta() == ("r/2026-01-31T06:15:00Z",)


@pytest.mark.parametrize(
    ("starts", "ends", "named"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", "slot.endsAt"),
        ("2026-01-31T12:00:00Z", "2026-01-31T11:00:00Z", "slot.endsAt"),
        ("2026-01-31T12:00:00Z", "2026-02-01T12:15:00Z", "slot.endsAt"),
        ("2026-01-31T12:01:00Z", "2026-01-31T12:30:00Z", "slot.startsAt"),
        ("2026-01-31T12:00:01Z", "2026-01-31T12:30:00Z", "slot.startsAt"),
        ("2026-01-31T12:00:00.5Z", "2026-01-31T12:30:00Z", "slot.startsAt"),
        ("2026-01-31T12:00:00", "2026-01-31T12:30:00Z", "slot.startsAt"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:31:00Z", "slot.endsAt"),
        ("2026-01-31T12:00:00Z", "9999-12-31T23:45:00-01:00", "slot.endsAt"),
    ],
)
def test_a_bad_slot_is_refused_by_the_name_of_its_field(starts: str, ends: str, named: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        _slot(starts, ends)
    assert [name for name, _ in caught.value.errors] == [named]
