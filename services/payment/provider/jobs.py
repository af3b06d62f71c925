"""Jobs at the provider: captures and refunds, each a row that says that it is due.

A job takes three steps: commit that the provider may be called, call it with the row's own key,
commit the answer. A crash between any two is harmless: the row is still due, and the key the same.
"""

import random
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from postbox.mongo import Document
from services.payment.provider.port import Declined, Provider, Unanswered
from services.payment.rules.core import STUCK_AFTER_ATTEMPTS, Input
from services.payment.rules.inputs import (
    CaptureDeclined,
    CaptureDue,
    CaptureSucceeded,
    CaptureUnanswered,
    RefundDue,
    RefundSucceeded,
    RefundUnanswered,
)
from services.payment.rules.state import Capture, Charge, Payment

RETRY_MIN_S = 0.2
RETRY_MAX_S = 30.0
RETRY_STUCK_S = 60.0
CLAIM = timedelta(seconds=10)
"""How long one worker has to ask, before another may. Longer than a call to the provider takes."""


class ProviderJob(Protocol):
    """One kind of thing to ask of the provider."""

    name: ClassVar[str]
    collection: ClassVar[str]
    state: ClassVar[str]

    def due(self, row: Document, now: datetime) -> Input:
        """The input that asks whether the provider may be asked now."""

    async def ask(self, row: Document, now: datetime) -> Input:
        """Ask the provider; its answer as an input."""


class Refunds:
    """Money that goes back to a customer."""

    name: ClassVar[str] = "refund"
    collection: ClassVar[str] = "payments"
    state: ClassVar[str] = "refund_pending"

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def due(self, row: Document, now: datetime) -> Input:
        return RefundDue(payment_id=row["_id"], now=now, retry_at=now + CLAIM)

    async def ask(self, row: Document, now: datetime) -> Input:
        try:
            await self._provider.refund(Payment.from_document(row))
        except (Unanswered, Declined) as error:
            return RefundUnanswered(
                payment_id=row["_id"],
                error=str(error) or "declined",
                retry_at=_retry_at(now, row["attempts"]),
            )
        return RefundSucceeded(payment_id=row["_id"])


class Captures:
    """Money that the customer asked us to take."""

    name: ClassVar[str] = "capture"
    collection: ClassVar[str] = "captures"
    state: ClassVar[str] = "requested"

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def due(self, row: Document, now: datetime) -> Input:
        return CaptureDue(
            capture_id=row["_id"], intent_id=row["intent_id"], now=now, retry_at=now + CLAIM
        )

    async def ask(self, row: Document, now: datetime) -> Input:
        capture = Capture.from_document(row)
        try:
            payment_id = await self._provider.capture(capture, traceparent=row["traceparent"])
        except Declined:
            return CaptureDeclined(capture_id=capture.capture_id)
        except Unanswered as error:
            return CaptureUnanswered(
                capture_id=capture.capture_id,
                error=str(error),
                retry_at=_retry_at(now, capture.attempts),
            )
        charge = Charge(
            payment_id=payment_id,
            intent_id=capture.intent_id,
            user_id=capture.user_id,
            amount=capture.amount,
            currency=capture.currency,
        )
        return CaptureSucceeded(capture_id=capture.capture_id, charge=charge, at=now)


def _retry_at(now: datetime, attempts: int) -> datetime:
    """When to ask again: twice as late each time, spread out; slowly once it is stuck."""
    if attempts >= STUCK_AFTER_ATTEMPTS:
        ceiling_s = RETRY_STUCK_S
    else:
        ceiling_s = min(RETRY_MIN_S * 2**attempts, RETRY_MAX_S)
    return now + timedelta(seconds=ceiling_s * random.uniform(0.5, 1.0))
