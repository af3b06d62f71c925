"""What the provider reports of charges, refunds and disputes: what cannot be understood is kept.

What the provider signed for is real money. So a report that we cannot read is not refused, for the
provider would only send it forever: it is kept where a person finds it, and alarmed.
"""

import hashlib

import structlog
from pydantic import ValidationError

from postbox.mongo import Database, DatabaseClock, bounded
from postbox.service import repeated_key
from postbox.telemetry import CONVERSATION, annotate
from services.payment import metrics
from services.payment.provider.reported import Reported, ReportedCharge, read_report
from services.payment.rules.core import Input, Outcome
from services.payment.rules.inputs import CaptureDeclined, CaptureSucceeded, ChargeKnown
from services.payment.work import Ledger

log = structlog.get_logger()


class Intake:
    """Takes in what the provider reports, by webhook or in its list."""

    def __init__(self, database: Database, ledger: Ledger, clock: DatabaseClock) -> None:
        self._unreadable = database["unreadable_charges"]
        self._captures = database["captures"]
        self._ledger = ledger
        self._clock = clock

    async def take(self, body: bytes, *, by: str) -> Outcome | None:
        """Have a report decided; None where it could not be read, and was kept."""
        try:
            reported = read_report(body)
        except ValueError as error:
            await self.keep(body, by=by, error=_without_inputs(error))
            return None
        if (key := repeated_key(body)) is not None:
            await self.keep(body, by=by, error=f"{key}: stands twice in an object")
            return None
        decision = await self._ledger.decide(await self._input(reported))
        annotate({CONVERSATION: reported.intent, "booking.decision": decision.outcome.value})
        if decision.outcome is Outcome.ALARM:
            log.error(
                "the provider contradicts what is known",
                id=reported.id,
                payment_id=reported.payment_id,
                intent_id=reported.intent,
                by=by,
            )
        return decision.outcome

    async def declined(self, capture_id: str) -> Outcome | None:
        """Have it decided that a capture was declined; None where it is none of ours."""
        if not await self._is_asked_for(capture_id):
            return None
        return (await self._ledger.decide(CaptureDeclined(capture_id=capture_id))).outcome

    async def _input(self, reported: Reported) -> Input:
        """A charge answers the capture that it names, which then need not be asked for again."""
        report = reported.report(self._clock.now())
        capture_id = reported.capture_id if isinstance(reported, ReportedCharge) else None
        if not isinstance(report, ChargeKnown) or capture_id is None:
            return report
        if not await self._is_asked_for(capture_id):
            return report
        return CaptureSucceeded(capture_id=capture_id, charge=report.charge, at=report.at)

    async def _is_asked_for(self, capture_id: str) -> bool:
        with bounded():
            found = await self._captures.find_one({"_id": capture_id}, {"_id": 1})
        return found is not None

    async def keep(self, body: bytes, *, by: str, error: str) -> None:
        """Keep what was signed and cannot be understood, once, and alarm it."""
        row = {"body": body, "by": by, "error": error, "at": self._clock.now()}
        with bounded():
            kept = await self._unreadable.update_one(
                {"_id": hashlib.sha256(body).hexdigest()}, {"$setOnInsert": row}, upsert=True
            )
        if kept.upserted_id is not None:
            metrics.alarm("unreadable")
            log.error("a report could not be read, and was kept", by=by, error=error)


def _without_inputs(error: ValueError) -> str:
    """What is wrong, and where, without the customer's data."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{'.'.join(map(str, body['loc'])) or 'body'}: {body['msg']}"
        for body in error.errors(include_url=False, include_input=False, include_context=False)
    )
