"""Jobs at the provider: captures and refunds, each a row that says that it is due.

A job takes three steps: commit that the provider may be called, call it with the row's own key,
commit the answer. A crash between any two is harmless: the row is still due, and the key the same.
Where the provider may have forgotten the key by then, it is asked what it made before it is asked
to make it.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from postbox.mongo import Document
from services.payment import metrics
from services.payment.provider.port import (
    KEYS_KEPT,
    Declined,
    Provider,
    Refused,
    Unanswered,
    UnknownCharge,
)
from services.payment.provider.reported import read_report
from services.payment.rules.core import STUCK_AFTER_ATTEMPTS, Input
from services.payment.rules.inputs import (
    CaptureDeclined,
    CaptureDue,
    CaptureSucceeded,
    CaptureUnanswered,
    RefundAnswered,
    RefundDue,
    RefundRefused,
    RefundUnanswered,
)
from services.payment.rules.state import Capture, Charge, Known, Payment, Refund

RETRY_MIN_S = 0.2
RETRY_MAX_S = 30.0
RETRY_STUCK_S = 60.0
CLAIM = timedelta(seconds=10)
"""How long one worker has to ask, before another may. Longer than a call to the provider takes."""
LOOK_AGAIN = timedelta(hours=1)
"""Of a refund whose rest is on its way or disputed; a report of the provider's comes first."""


class ProviderJob(Protocol):
    """One kind of thing to ask of the provider."""

    name: ClassVar[str]
    collection: ClassVar[str]
    state: ClassVar[str]

    def due(self, row: Document, now: datetime) -> Input:
        """The input that asks whether the provider may be asked now."""

    async def ask(self, known: Known, row: Document, now: datetime) -> Sequence[Input]:
        """Ask the provider for what was decided; its answer as inputs, to be decided in order."""


class Refunds:
    """Money that goes back to a customer."""

    name: ClassVar[str] = "refund"
    collection: ClassVar[str] = "payments"
    state: ClassVar[str] = "refund_pending"

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def due(self, row: Document, now: datetime) -> Input:
        return RefundDue(
            payment_id=row["_id"], now=now, retry_at=now + CLAIM, look_again_at=now + LOOK_AGAIN
        )

    async def ask(self, known: Known, row: Document, now: datetime) -> Sequence[Input]:
        payment = known.payment
        assert payment is not None
        payment_id = payment.charge.payment_id
        retry_at = _retry_at(now, payment.attempts)
        try:
            refund = await self._made_long_ago(payment, now) or await self._provider.refund(payment)
        except Refused as error:
            refused = RefundRefused(payment_id=payment_id, error=str(error), retry_at=retry_at)
            return [*await self._known_there(payment_id, now), refused]
        except (Unanswered, Declined) as error:
            if isinstance(error, UnknownCharge) and payment.last_error != str(error):
                metrics.alarm("unknown_at_provider")
            reason = str(error) or "declined"
            return [RefundUnanswered(payment_id=payment_id, error=reason, retry_at=retry_at)]
        return [RefundAnswered(payment_id=payment_id, refund=refund, at=now)]

    async def _made_long_ago(self, payment: Payment, now: datetime) -> Refund | None:
        is_old = _is_key_old(payment.asked_at, now)
        return await self._provider.refunded(payment) if is_old else None

    async def _known_there(self, payment_id: str, now: datetime) -> list[Input]:
        """Somebody else moved the money: what the provider knows of it, as its webhooks say."""
        try:
            page = await self._provider.charge(payment_id)
            return [] if page is None else [read_report(one).report(now) for one in page.reports()]
        except (Unanswered, ValueError):
            return []


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

    async def ask(self, known: Known, row: Document, now: datetime) -> Sequence[Input]:
        capture = known.capture
        assert capture is not None
        try:
            payment_id = await self._made_long_ago(capture, now)
            if payment_id is None:
                payment_id = await self._provider.capture(capture, traceparent=row["traceparent"])
        except Declined:
            return [CaptureDeclined(capture_id=capture.capture_id)]
        except (Unanswered, Refused) as error:
            retry_at = _retry_at(now, capture.attempts)
            return [
                CaptureUnanswered(
                    capture_id=capture.capture_id, error=str(error), retry_at=retry_at
                )
            ]
        charge = Charge(
            payment_id=payment_id,
            intent_id=capture.intent_id,
            user_id=capture.user_id,
            amount=capture.amount,
            currency=capture.currency,
        )
        return [CaptureSucceeded(capture_id=capture.capture_id, charge=charge, at=now)]

    async def _made_long_ago(self, capture: Capture, now: datetime) -> str | None:
        is_old = _is_key_old(capture.asked_at, now)
        return await self._provider.captured(capture) if is_old else None


def _is_key_old(asked_at: datetime | None, now: datetime) -> bool:
    """Whether the provider may have forgotten the key, and would do again what it did."""
    return asked_at is not None and now - asked_at > KEYS_KEPT


def _retry_at(now: datetime, attempts: int) -> datetime:
    """When to ask again: twice as late each time, spread out; slowly once it is stuck."""
    if attempts >= STUCK_AFTER_ATTEMPTS:
        ceiling_s = RETRY_STUCK_S
    else:
        ceiling_s = min(RETRY_MIN_S * 2**attempts, RETRY_MAX_S)
    return now + timedelta(seconds=ceiling_s * random.uniform(0.5, 1.0))
