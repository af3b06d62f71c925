"""Charges: money that was taken, and what the booking makes of it."""

from __future__ import annotations

from dataclasses import replace

from contracts.events import Event, PaymentCaptured
from contracts.money import Money, Verdict
from services.payment.rules.decision import Decision, choose
from services.payment.rules.inputs import BookingVerdict, ChargeKnown
from services.payment.rules.state import Known, Payment
from services.payment.rules.table import CHARGE_RULES, VERDICT_TABLE, Outcome


def decide_charge(known: Known, event: ChargeKnown) -> Decision:
    """A charge is on record from its first report on."""
    rule = choose("a charge", CHARGE_RULES, known, event)
    if known.payment is not None:
        outcome = Outcome.ALARM if rule.outcome is Outcome.ALARM else Outcome.DUPLICATE
        return Decision(outcome=outcome, state=known)
    money = Money(captured=event.charge.amount)
    payment = Payment(charge=event.charge, money=money, known_at=event.at)
    return Decision(
        outcome=rule.outcome, state=replace(known, payment=payment), events=(_captured(payment),)
    )


def decide_verdict(known: Known, event: BookingVerdict) -> Decision:
    """What the booking made of a charge: it pays for it, or goes back."""
    before = known.payment
    if before is None:
        return Decision(outcome=Outcome.NOOP, state=known)
    rule = choose(before.verdict, VERDICT_TABLE[before.verdict].get(type(event), ()), known, event)
    if rule.to is None:
        return Decision(outcome=rule.outcome, state=known)
    assert isinstance(rule.to, Verdict)
    after = replace(before, verdict=rule.to, due_at=None)
    return Decision(outcome=rule.outcome, state=replace(known, payment=after))


def _captured(payment: Payment) -> Event:
    charge = payment.charge
    return PaymentCaptured(
        payment_id=charge.payment_id,
        intent_id=charge.intent_id,
        user_id=charge.user_id,
        amount=charge.amount,
        currency=charge.currency,
    )
