"""Puts rows into the window: each is encoded once, skipped if it is there already, or parked."""

from datetime import datetime

from postbox.mongo import Document
from postbox.outbox import PENDING, event_id
from postbox.telemetry import trace_id
from relay import metrics
from relay.checkpoint import Token
from relay.context import SourceContext
from relay.errors import Unpublishable
from relay.publish import PublishSpans, Window
from relay.read.message import message_of
from relay.read.rows import Rows
from relay.read.watchdog import Watchdog
from relay.state import Status


class Enqueuer:
    """Puts rows into one window, and waits while that is full."""

    def __init__(
        self,
        context: SourceContext,
        status: Status,
        rows: Rows,
        window: Window,
        watchdog: Watchdog,
    ) -> None:
        self._source = context.source.default
        self._exchange = context.exchange
        self._status = status
        self._watchdog = watchdog
        self._rows = rows
        self._window = window
        self._spans = PublishSpans()

    async def enqueue(
        self, row: Document, token: Token | None = None, *, inserted_at: datetime | None = None
    ) -> None:
        """Add a row, and the token right behind it if the stream delivered it.

        `inserted_at` is the row's time where it has none. A row that is put back as published or
        parked, or that waits for its time, is not pending.
        """
        if row.get("state", PENDING) != PENDING or event_id(row["_id"]) in self._window:
            self.skip(token)
            return
        try:
            message = message_of(
                row, source=self._source, inserted_at=inserted_at, exchange=self._exchange
            )
        except Unpublishable as error:
            await self._park(row, str(error))
            self.skip(token)
            return
        await self._window.wait_for_space()
        message, span = self._spans.start(message)
        lacks_time = "time" not in row
        self._window.add(
            message, token, span, row_id=row["_id"], fill_time=inserted_at if lacks_time else None
        )

    def skip(self, token: Token | None) -> None:
        """Pass over a row that needs no publishing."""
        if token is not None:
            self._window.add_token(token)

    async def _park(self, row: Document, reason: str) -> None:
        with self._watchdog:
            await self._rows.park(row["_id"], reason)
        metrics.parked.add(1, self._status.labels)
        self._status.log.error(
            "an event can never be published; its row is parked",
            event_id=str(row["_id"]),
            type=str(row.get("type")),
            subject=str(row.get("subject")),
            trace_id=trace_id(str(row.get("traceparent"))),
            reason=reason,
        )
