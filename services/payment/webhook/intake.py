"""Reported charges: each becomes a payment once; what cannot be understood is kept.

A charge that the provider signed for is real money. So one that we cannot read is not refused, for
the provider would only send it forever: it is kept where a person finds it, and alarmed.
"""

import hashlib

import structlog
from pydantic import ValidationError

from postbox.mongo import Database, DatabaseClock, bounded
from postbox.service import repeated_key
from postbox.telemetry import CONVERSATION, annotate
from services.payment import metrics
from services.payment.rules.core import Outcome
from services.payment.rules.inputs import ChargeKnown
from services.payment.webhook.charge import ReportedCharge
from services.payment.work import Ledger

log = structlog.get_logger()


class ChargeIntake:
    """Takes in the charges that the provider reports, by webhook or in its list."""

    def __init__(self, database: Database, ledger: Ledger, clock: DatabaseClock) -> None:
        self._unreadable = database["unreadable_charges"]
        self._ledger = ledger
        self._clock = clock

    async def take(self, body: bytes, *, by: str) -> Outcome | None:
        """Have a charge decided; None where it could not be read, and was kept."""
        try:
            charge = ReportedCharge.model_validate_json(body)
        except ValidationError as error:
            await self._keep(body, by=by, error=_without_inputs(error))
            return None
        if (key := repeated_key(body)) is not None:
            await self._keep(body, by=by, error=f"{key}: stands twice in an object")
            return None
        decision = await self._ledger.decide(
            ChargeKnown(charge=charge.charge, at=self._clock.now())
        )
        annotate({CONVERSATION: charge.intent_id, "booking.decision": decision.outcome.value})
        if decision.outcome is Outcome.ALARM:
            log.error(
                "a charge contradicts what is known",
                payment_id=charge.payment_id,
                intent_id=charge.intent_id,
                by=by,
            )
        return decision.outcome

    async def _keep(self, body: bytes, *, by: str, error: str) -> None:
        row = {"body": body, "by": by, "error": error, "at": self._clock.now()}
        with bounded():
            kept = await self._unreadable.update_one(
                {"_id": hashlib.sha256(body).hexdigest()}, {"$setOnInsert": row}, upsert=True
            )
        if kept.upserted_id is not None:
            metrics.alarm("unreadable")
            log.error("a charge could not be read, and was kept", by=by, error=error)


def _without_inputs(error: ValidationError) -> str:
    """What is wrong, and where, without the customer's data."""
    return "; ".join(
        f"{'.'.join(map(str, body['loc'])) or 'body'}: {body['msg']}"
        for body in error.errors(include_url=False, include_input=False, include_context=False)
    )
