"""Money that moved at the provider without us, or came back to us: somebody has to look at each."""

from collections.abc import Iterable

import structlog

from contracts.events import (
    Event,
    PaymentChargedBack,
    PaymentDisputed,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRefundPending,
)
from contracts.money import RefundedBy
from services.payment import metrics

log = structlog.get_logger()


def alarm_moved(events: Iterable[Event]) -> None:
    """Count and log what committed events say of it."""
    for event in events:
        match event:
            case PaymentRefunded() | PaymentRefundPending() if event.by is RefundedBy.ELSEWHERE:
                assert event.money is not None
                kind = "partially_refunded" if event.money.kept else "refunded_elsewhere"
            case PaymentRefundFailed():
                kind = "refund_failed"
            case PaymentDisputed():
                kind = "disputed"
            case PaymentChargedBack():
                kind = "charged_back"
            case _:
                continue
        metrics.alarm(kind)
        log.error(
            "money moved at the provider",
            kind=kind,
            payment_id=event.payment_id,
            intent_id=event.intent_id,
            amount=event.amount,
            currency=event.currency,
        )
