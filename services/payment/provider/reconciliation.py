"""Reconciliation: webhooks get lost, so the provider's own list is read, again and again.

It goes on from where it last was, with an overlap, and takes an unknown charge in exactly as its
webhook would have been.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import structlog

from postbox.errors import TryAgain
from postbox.mongo import Database, bounded
from postbox.runtime import pause
from postbox.telemetry import context_of, flow_span
from services.payment import metrics
from services.payment.provider.port import Page, Provider, Unanswered
from services.payment.rules.core import Outcome
from services.payment.webhook.charge import traceparent_of
from services.payment.webhook.intake import ChargeIntake

log = structlog.get_logger()
OVERLAP_US = 10_000_000


class Reconciler:
    """Reads the provider's list at an interval."""

    def __init__(
        self, provider: Provider, database: Database, intake: ChargeIntake, *, interval_s: float
    ) -> None:
        self._provider = provider
        self._payments = database["payments"]
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
        while not stop.is_set():
            page = await self._provider.list(position)
            await self._take(page)
            position = page.next
            with bounded():
                await self._position.update_one(
                    {"_id": "provider"}, {"$max": {"after": position}}, upsert=True
                )
            if not page.more:
                return

    async def _take(self, page: Page) -> None:
        ids = [_id(charge) for charge in page.charges]
        with bounded():
            known = {
                row["_id"] async for row in self._payments.find({"_id": {"$in": ids}}, ["_id"])
            }
        for charge in page.charges:
            if _id(charge) in known:
                continue
            reported = json.dumps(charge).encode()
            with flow_span("reconcile charge", context_of(traceparent_of(reported))):
                outcome = await self._intake.take(reported, by="reconciliation")
            if outcome is Outcome.CAPTURE:
                metrics.reconciled()
                log.warning(
                    "found a charge that no webhook reported",
                    payment_id=charge["paymentId"],
                    intent_id=charge["intentId"],
                )


def _id(charge: Mapping[str, Any]) -> str | None:
    """The paymentId, where it may be one of ours; what it is otherwise, the intake will judge."""
    reported = charge.get("paymentId")
    return reported if isinstance(reported, str) and reported.isascii() else None
