"""Each cell of the payment service's tables, written down a second time by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.events import (
    EVENTS,
    BookingCancelled,
    BookingConfirmed,
    BookingFailed,
    BookingPaymentRejected,
    BookingUserForgotten,
    Event,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundStuck,
    PaymentRequested,
)
from contracts.money import Money, RefundedBy, Verdict
from contracts.topology import QUEUES
from contracts.values import ERROR_MAX_CHARS, Reason
from services.payment.rules.core import STUCK_AFTER_ATTEMPTS, UndeclaredTransition, decide, keys
from services.payment.rules.inputs import (
    CaptureDeclined,
    CaptureDue,
    CaptureSucceeded,
    CaptureUnanswered,
    ChargeKnown,
    Input,
    Keys,
    RefundAnswered,
    RefundDue,
    RefundRefused,
    RefundReported,
    RefundUnanswered,
)
from services.payment.rules.state import (
    LONG_AGO,
    Capture,
    CaptureState,
    Charge,
    ClosedIntent,
    Known,
    Payment,
    Refund,
    RefundStatus,
)
from services.payment.rules.table import CAPTURE_TABLE, VERDICT_TABLE

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
MONEY: dict[str, Any] = {"amount": 100, "currency": "USD"}
PAID: dict[str, Any] = {"intent_id": "i1", "payment_id": "p1"}

CHARGE = Charge(user_id="u1", **PAID, **MONEY)
KNOWN = ChargeKnown(charge=CHARGE, at=NOW)
OTHER = ChargeKnown(charge=replace(CHARGE, amount=99), at=NOW)
CONFIRMED = BookingConfirmed(**PAID, **MONEY)
FAILED = BookingFailed(**PAID, reason=Reason.AMOUNT_MISMATCH)
CANCELLED = BookingCancelled(**PAID, reason=Reason.CANCELLED)
REJECTED = BookingPaymentRejected(**PAID, reason=Reason.ALREADY_PAID)
REFUND_DUE = RefundDue(payment_id="p1", now=NOW, retry_at=LATER, look_again_at=LATER)
REFUND = Refund(
    refund_id="r1",
    payment_id="p1",
    amount=100,
    status=RefundStatus.SUCCEEDED,
    by=RefundedBy.SERVICE,
)
REFUND_MADE = RefundAnswered(payment_id="p1", refund=REFUND, at=NOW)
REFUND_REFUSED = RefundRefused(payment_id="p1", error="already-refunded", retry_at=LATER)
REFUND_LOST = RefundUnanswered(payment_id="p1", error="503", retry_at=LATER)
INPUTS: tuple[Input, ...] = (
    KNOWN,
    OTHER,
    CONFIRMED,
    FAILED,
    CANCELLED,
    REJECTED,
    REFUND_DUE,
    REFUND_MADE,
    REFUND_REFUSED,
    REFUND_LOST,
)

# Each row in the order of INPUTS: the outcome, and after ">" the next status where it changes. An
# outcome after "|" is what it is called where the intent is closed by the event as well.
MOVES = {
    None: "capture>captured capture>captured noop noop|close noop|close noop noop alarm noop noop",
    "captured": "duplicate alarm settle>settled refund>refund_pending refund>refund_pending "
    "refund>refund_pending noop refunded>refunded noop noop",
    "settled": "duplicate alarm duplicate refund>refund_pending refund>refund_pending "
    "refund>refund_pending noop refunded>refunded noop noop",
    "refund_pending": "duplicate alarm noop duplicate duplicate duplicate attempt "
    "refunded>refunded retry retry",
    "refunded": "duplicate alarm noop duplicate duplicate duplicate noop duplicate noop noop",
}
VERDICTS = {
    "captured": Verdict.UNJUDGED,
    "settled": Verdict.SETTLED,
    "refund_pending": Verdict.REFUSED,
    "refunded": Verdict.REFUSED,
}


def _payment(status: str | None, **fields: Any) -> Payment | None:
    if status is None:
        return None
    back = {"refunded": 100, "sequence": 1} if status == "refunded" else {}
    money = Money(captured=100, **back)
    payment = Payment(charge=CHARGE, money=money, verdict=VERDICTS[status], known_at=NOW, **fields)
    assert payment.status == status
    return payment


def _known(status: str | None) -> Known:
    refund = REFUND if status == "refunded" else None
    return Known(payment=_payment(status), refund=refund)


@pytest.mark.parametrize("state", MOVES)
def test_a_payment_s_row_of_the_table(state: str | None) -> None:
    for event, move in zip(INPUTS, MOVES[state].split(), strict=True):
        decision = decide(_known(state), event)
        outcomes, _, after = move.partition(">")
        assert decision.outcome == outcomes.split("|")[-1], event
        payment = decision.state.payment
        assert (payment and payment.status) == (after or state), event
        assert (decision.state.closed is not None) == (event in (FAILED, CANCELLED))


def test_a_charge_is_reported_once_and_a_refund_is_reported_once() -> None:
    reported = decide(Known(), KNOWN)
    assert reported.events == (PaymentCaptured(user_id="u1", **PAID, **MONEY),)
    assert decide(reported.state, KNOWN).events == ()
    refunded = decide(Known(payment=_payment("refund_pending")), REFUND_MADE)
    money = Money(sequence=1, captured=100, refunded=100)
    by = {"refund_id": "r1", "by": RefundedBy.SERVICE, "money": money}
    assert refunded.events == (PaymentRefunded(**PAID, **MONEY, **by),)
    assert decide(refunded.state, REFUND_MADE).events == ()


def test_other_data_for_a_known_charge_changes_nothing() -> None:
    before = Known(payment=_payment("captured"))
    decision = decide(before, OTHER)
    assert (decision.outcome, decision.state, decision.events) == ("alarm", before, ())
    assert decision.state is before


def test_a_booking_that_failed_without_a_payment_closes_its_intent() -> None:
    event = BookingFailed(intent_id="i1", reason=Reason.PAYMENT_TIMEOUT)
    assert keys(event) == Keys(intent_id="i1")
    first = decide(Known(), event)
    assert (first.outcome, first.state.closed) == ("close", ClosedIntent(intent_id="i1"))
    assert decide(first.state, event).outcome == "noop"


def test_a_refund_is_asked_for_again_when_it_is_due_and_not_before() -> None:
    owed = Known(payment=_payment("refund_pending"))
    asked = decide(owed, REFUND_DUE).state
    assert asked.payment is not None
    assert (asked.payment.attempts, asked.payment.due_at) == (1, LATER)
    assert decide(asked, REFUND_DUE).outcome == "noop"
    assert decide(asked, replace(REFUND_DUE, now=LATER)).outcome == "attempt"


def test_a_refund_that_may_have_been_made_is_asked_for_with_the_same_key_and_amount() -> None:
    owed = replace(_owed(), money=Money(sequence=1, captured=100, refunded=30))
    asked = decide(Known(payment=owed), REFUND_DUE).state.payment
    assert asked is not None
    assert (asked.asking, asked.refund_key) == (70, "refund:p1")
    less = replace(asked, money=Money(sequence=2, captured=100, refunded=50), due_at=None)
    again = decide(Known(payment=less), REFUND_DUE).state.payment
    assert again is not None
    assert (again.asking, again.refund_key) == (70, "refund:p1"), "its answer is not known yet"
    refused = decide(Known(payment=again), REFUND_REFUSED).state.payment
    assert refused is not None
    assert (refused.asking, refused.refund_key) == (None, "refund:p1:1")
    next_one = decide(Known(payment=replace(refused, due_at=None)), REFUND_DUE).state.payment
    assert next_one is not None
    assert next_one.asking == 50


def test_what_is_on_its_way_or_disputed_is_not_asked_for() -> None:
    for sums in ({"refund_pending": 100}, {"disputed": 100}, {"refunded": 40, "disputed": 60}):
        waiting = replace(_owed(), money=Money(captured=100, **sums))
        decision = decide(Known(payment=waiting), REFUND_DUE)
        assert (decision.outcome, decision.events) == ("later", ())
        assert decision.state.payment == replace(waiting, due_at=LATER)


def test_a_payment_of_version_0_1_0_is_read() -> None:
    for status, verdict in VERDICTS.items():
        payment = _payment(status)
        assert payment is not None
        document = payment.to_document()
        for name in ("money", "verdict", "refunds_asked", "asking", "unlisted"):
            del document[name]
        read = Payment.from_document(document)
        assert (read.status, read.verdict) == (status, verdict)


@pytest.mark.parametrize("status", [RefundStatus.SUCCEEDED, RefundStatus.FAILED])
def test_a_refund_of_version_0_1_0_counts_once_when_it_is_reported(status: RefundStatus) -> None:
    """It had no row of its own, so that the report is the first word of it."""
    payment = _payment("refunded")
    assert payment is not None
    known = Known(payment=replace(payment, unlisted=100, refunds_asked=1))
    report = RefundReported(charge=CHARGE, refund=replace(REFUND, status=status), at=NOW)
    first = decide(known, report)
    again = decide(first.state, report)
    after = first.state.payment
    assert after is not None
    assert first.state.refund == report.refund
    assert (again.outcome, again.events) == ("duplicate", ())
    if status is RefundStatus.SUCCEEDED:
        assert (first.outcome, first.events) == ("duplicate", ())
        assert (after.money, after.unlisted) == (payment.money, 0)
    else:
        assert first.outcome == "refund_failed"
        assert (after.status, after.money.refunded) == ("refund_pending", 0)


def _owed() -> Payment:
    payment = _payment("refund_pending")
    assert payment is not None
    return payment


def test_a_refund_that_keeps_failing_is_reported_once_and_still_tried() -> None:
    known = Known(payment=_payment("refund_pending"))
    reported: list[Event] = []
    for _ in range(STUCK_AFTER_ATTEMPTS + 2):
        known = decide(known, replace(REFUND_DUE, now=LATER)).state
        decision = decide(known, replace(REFUND_LOST, error="x" * 2_000))
        reported += decision.events
        known = decision.state
    stuck = PaymentRefundStuck(
        **PAID, attempts=STUCK_AFTER_ATTEMPTS, last_error="x" * ERROR_MAX_CHARS
    )
    assert reported == [stuck]
    assert known.payment is not None
    assert known.payment.status == "refund_pending"


# Captures

REQUESTED = PaymentRequested(intent_id="i1", user_id="u1", payment_method="card", **MONEY)
DUE = CaptureDue(capture_id="c1", intent_id="i1", now=NOW, retry_at=LATER)
TAKEN = CaptureSucceeded(capture_id="c1", charge=CHARGE, at=NOW)
DECLINED = CaptureDeclined(capture_id="c1")
LOST = CaptureUnanswered(capture_id="c1", error="time-out", retry_at=LATER)
CAPTURE_INPUTS: tuple[Input, ...] = (REQUESTED, DUE, TAKEN, DECLINED, LOST)
CAPTURE_MOVES = {
    "requested": "duplicate attempt capture>captured decline>declined retry",
    "captured": "duplicate noop duplicate alarm noop",
    "declined": "duplicate noop alarm duplicate noop",
    "dropped": "duplicate noop alarm alarm noop",
}
CLOSED = ClosedIntent(intent_id="i1")


def _capture(state: str = "requested", **fields: Any) -> Capture:
    return Capture(
        capture_id="c1",
        intent_id="i1",
        user_id="u1",
        payment_method="card",
        state=CaptureState(state),
        **MONEY,
        **fields,
    )


@pytest.mark.parametrize("state", CAPTURE_MOVES)
def test_a_capture_s_row_of_the_table(state: str) -> None:
    for event, move in zip(CAPTURE_INPUTS, CAPTURE_MOVES[state].split(), strict=True):
        decision = decide(Known(capture=_capture(state)), event, event_id="c1")
        outcome, _, after = move.partition(">")
        assert decision.outcome == outcome, event
        assert decision.state.capture is not None
        assert decision.state.capture.state == (after or state), event


def test_a_capture_is_known_by_the_event_that_asked_for_it() -> None:
    assert keys(REQUESTED, event_id="c1") == Keys(capture_id="c1", intent_id="i1")
    decision = decide(Known(), REQUESTED, event_id="c1")
    assert (decision.outcome, decision.state.capture) == ("request", _capture())
    assert decision.events == ()


def test_a_capture_for_a_closed_intent_is_not_made() -> None:
    refusal = (PaymentFailed(intent_id="i1", reason=Reason.BOOKING_CLOSED),)
    asked = decide(Known(closed=CLOSED), REQUESTED, event_id="c1")
    assert (asked.outcome, asked.events) == ("drop", refusal)
    assert asked.state.capture == _capture("dropped")
    waiting = decide(Known(capture=_capture(), closed=CLOSED), DUE)
    assert (waiting.outcome, waiting.events) == ("drop", refusal)


def test_a_capture_that_may_have_reached_the_provider_is_never_dropped() -> None:
    attempted = Known(capture=_capture(attempts=1), closed=CLOSED)
    decision = decide(attempted, DUE)
    assert (decision.outcome, decision.events) == ("attempt", ())
    assert decision.state.capture == _capture(attempts=2, due_at=LATER, asked_at=NOW)


def test_since_when_the_provider_is_asked_is_on_record_until_it_has_answered() -> None:
    """By it a worker knows whether the provider may have forgotten the key."""
    later = replace(DUE, now=LATER + timedelta(days=1))
    again = decide(decide(Known(capture=_capture()), DUE).state, later).state.capture
    assert again is not None
    assert (again.attempts, again.asked_at) == (2, NOW)
    owed = decide(Known(payment=_payment("refund_pending")), REFUND_DUE).state
    owed = decide(owed, replace(REFUND_DUE, now=later.now)).state
    assert owed.payment is not None
    assert (owed.payment.attempts, owed.payment.asked_at) == (2, NOW)
    closed = decide(owed, REFUND_REFUSED).state.payment
    assert closed is not None
    assert closed.asked_at is None


def test_what_an_earlier_version_asked_for_was_asked_for_long_ago() -> None:
    capture = _capture(attempts=1).to_document()
    payment = replace(_owed(), asking=100).to_document()
    del capture["asked_at"], payment["asked_at"]
    assert Capture.from_document(capture).asked_at == LONG_AGO
    assert Payment.from_document(payment).asked_at == LONG_AGO


def test_a_capture_waits_until_it_is_due() -> None:
    waiting = Known(capture=_capture(attempts=1, due_at=LATER))
    assert decide(waiting, DUE).outcome == "noop"
    assert decide(waiting, replace(DUE, now=LATER)).outcome == "attempt"


def test_a_capture_that_succeeded_is_a_charge_that_is_reported_once() -> None:
    first = decide(Known(capture=_capture(attempts=1)), TAKEN)
    assert first.state == Known(
        capture=_capture("captured", attempts=1, payment_id="p1"), payment=_payment("captured")
    )
    assert first.events == (PaymentCaptured(user_id="u1", **PAID, **MONEY),)
    webhook_first = Known(capture=_capture(attempts=1), payment=_payment("settled"))
    second = decide(webhook_first, TAKEN)
    assert (second.outcome, second.events) == ("capture", ())
    assert second.state.payment is webhook_first.payment


def test_a_charge_that_contradicts_its_capture_is_on_record_all_the_same() -> None:
    decision = decide(Known(capture=_capture("declined")), TAKEN)
    assert decision.outcome == "alarm"
    assert decision.state.payment == _payment("captured")
    other = Known(capture=_capture(attempts=1), payment=_payment("captured"))
    strange = CaptureSucceeded(capture_id="c1", charge=replace(CHARGE, amount=1), at=NOW)
    assert decide(other, strange).outcome == "alarm"
    assert decide(other, strange).state.payment is other.payment


def test_a_declined_capture_is_reported() -> None:
    decision = decide(Known(capture=_capture(attempts=1)), DECLINED)
    assert decision.events == (PaymentFailed(intent_id="i1", reason=Reason.DECLINED),)


def test_an_answer_for_a_capture_that_nobody_asked_for_is_loud() -> None:
    with pytest.raises(UndeclaredTransition, match="none has no rule for CaptureDeclined"):
        decide(Known(), DECLINED)


def test_the_tables_are_complete() -> None:
    brought = {EVENTS[event_type] for event_type in QUEUES["payment.events"]}
    for row in VERDICT_TABLE.values():
        assert row.keys() == {type(event) for event in (CONFIRMED, FAILED, CANCELLED, REJECTED)}
    for state, cells in CAPTURE_TABLE.items():
        none: set[type] = {PaymentRequested}
        reported: set[type] = {type(event) for event in CAPTURE_INPUTS}
        assert set(cells) == (none if state is CaptureState.NONE else reported)
    assert brought == {type(CONFIRMED), type(FAILED), type(CANCELLED), type(REJECTED)} | {
        PaymentRequested,
        BookingUserForgotten,  # decides nothing
    }


def test_documents_are_the_same_rows() -> None:
    payment = _payment("refund_pending", attempts=2, due_at=LATER, last_error="503", stuck=True)
    assert payment is not None
    assert Payment.from_document(payment.to_document()) == payment
    capture = _capture("captured", payment_id="p1", attempts=1, due_at=LATER, last_error="x")
    assert Capture.from_document(capture.to_document()) == capture
    assert ClosedIntent.from_document(CLOSED.to_document()) == CLOSED
    assert (payment.to_document()["_id"], capture.to_document()["_id"]) == ("p1", "c1")
