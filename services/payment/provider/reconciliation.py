"""Reconciliation: webhooks get lost, so the provider's own list is read, again and again.

It goes on from where it last was, with an overlap, and takes in a charge, refund or dispute that is
unknown, or that has moved, exactly as its webhook would have been.
"""

import asyncio
from collections.abc import Iterable

import structlog

from postbox.errors import TryAgain
from postbox.mongo import Database, Document, bounded
from postbox.runtime import pause
from postbox.telemetry import context_of, flow_span
from services.payment import metrics
from services.payment.provider.port import Page, Provider, Unanswered
from services.payment.provider.reported import Reported, read_report, traceparent_of
from services.payment.rules.core import Outcome
from services.payment.webhook.intake import Intake

log = structlog.get_logger()
OVERLAP_US = 10_000_000


class Reconciler:
    """Reads the provider's list at an interval."""

    def __init__(
        self, provider: Provider, database: Database, intake: Intake, *, interval_s: float
    ) -> None:
        self._provider = provider
        self._database = database
        self._position = database["reconciliation"]
        self._intake = intake
        self._interval_s = interval_s

    async def run(self, stop: asyncio.Event) -> None:
        """Reconcile at the start, then at every interval."""
        while not stop.is_set():
            try:
                await self.reconcile(stop)
            except (TryAgain, Unanswered) as error:
                log.warning("reconciliation waits", reason=str(error))
            await pause(stop, self._interval_s)

    async def reconcile(self, stop: asyncio.Event) -> None:
        """Read everything since the last time. Raises TryAgain or Unanswered."""
        with bounded():
            saved = await self._position.find_one({"_id": "provider"})
        position = max(0, (saved or {}).get("after", 0) - OVERLAP_US)
        async for page in self._provider.pages(position):
            await self._take(page)
            with bounded():
                await self._position.update_one(
                    {"_id": "provider"}, {"$max": {"after": page.next}}, upsert=True
                )
            if stop.is_set():
                return

    async def _take(self, page: Page) -> None:
        reports = list(page.reports())
        known = await self._known(page)
        for body in reports:
            reported = _read(body)
            if reported is not None and _is_known(reported, known):
                continue
            with flow_span("reconcile charge", context_of(traceparent_of(body))):
                outcome = await self._intake.take(body, by="reconciliation")
            if reported is None or outcome in (None, Outcome.DUPLICATE, Outcome.ALARM):
                continue
            metrics.reconciled()
            log.warning(
                "found what no webhook reported",
                kind=reported.kind,
                id=reported.id,
                intent_id=reported.intent,
                outcome=outcome and outcome.value,
            )

    async def _known(self, page: Page) -> dict[str, dict[str, Document]]:
        """The rows of what the page names, by collection and id."""
        return {
            name: await self._rows(name, (entry.get(key) for entry in entries))
            for name, key, entries in (
                ("payments", "paymentId", page.charges),
                ("refunds", "refundId", page.refunds),
                ("disputes", "disputeId", page.disputes),
            )
        }

    async def _rows(self, name: str, ids: Iterable[object]) -> dict[str, Document]:
        wanted = [one for one in ids if isinstance(one, str) and one.isascii()]
        with bounded():
            found = self._database[name].find({"_id": {"$in": wanted}}, {"status": 1})
            return {row["_id"]: row async for row in found}


def _read(body: bytes) -> Reported | None:
    """None for what the intake will keep."""
    try:
        return read_report(body)
    except ValueError:
        return None


def _is_known(reported: Reported, known: dict[str, dict[str, Document]]) -> bool:
    """Whether we have it, and it has come no further since. A charge never changes."""
    row = known[reported.collection].get(reported.id)
    return row is not None and row.get("status") == reported.status
