"""Puts rows into the window: each is encoded once, skipped if it is there already, or parked."""

from datetime import UTC, datetime
from typing import Final

from postbox.mongo import Document
from postbox.outbox import PENDING, SCHEDULED, event_id, made_at
from postbox.rabbitmq import Outgoing
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

REASON_CHARACTERS_MAX: Final = 1_000
LOGGED_CHARACTERS_MAX: Final = 255
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
        self._mode = context.mode
        self._fields = context.fields
        self._status = status
        self._watchdog = watchdog
        self._rows = rows
        self._window = window
        self._spans = PublishSpans()

    async def enqueue(
        self, row: Document, token: Token | None = None, *, inserted_at: datetime | None = None
    ) -> None:
        """Add a row, and the token right behind it if the stream delivered it at `inserted_at`.

        Rows of other shards are skipped, and rows that are not pending: those that are scheduled
        are claimed first, and a backup that is restored has rows that were published before.
        """
        row = self._fields.named(row)
        is_owned = self._rows.owns(row)
        if is_owned and row.get("state") == SCHEDULED and not is_complete(row):
            with self._watchdog:  # its time is that of its insert, and not when it is due
                await self._rows.complete(row, inserted_at)
        if not is_owned or row.get("state") not in (PENDING, None):
            self.skip(token)
            return
        await self._enqueue(row, token, inserted_at)

    async def enqueue_claimed(self, row: Document) -> None:
        """Add a scheduled row of this shard that was claimed."""
        await self._enqueue(self._fields.named(row), None, None)

    async def _enqueue(
        self, row: Document, token: Token | None, inserted_at: datetime | None
    ) -> None:
        if event_id(row["_id"]) in self._window:
            self.skip(token)
            return
        message: Outgoing | None
        try:
            message = (
                self._message_of(row)
                if is_complete(row)
                else await self._completed(row, inserted_at)
            )
        except Unpublishable as error:
            await self._park(row, str(error))
            message = None
        if message is None:
            self.skip(token)
            return
        await self._window.wait_for_space()
        if message.message_id in self._window:  # the schedule or the sweep was faster
            self.skip(token)
            return
        message, span = self._spans.start(message)
        self._window.add(message, token, span, row_id=row["_id"])

    def skip(self, token: Token | None) -> None:
        """Pass over a row that needs no publishing."""
        if token is not None:
            self._window.add_token(token)

    async def _completed(self, row: Document, inserted_at: datetime | None) -> Outgoing | None:
        """The message of a row that lacks fields; None where it was published meanwhile."""
        # Only a row that can go out is completed: the others are parked as they are.
        trial = {**row, "time": EPOCH} if row.get("time") is None else row
        self._message_of(trial)
        with self._watchdog:
            complete = await self._rows.complete(row, inserted_at or made_at(row["_id"]))
        if complete is None:
            return None
        return self._message_of(complete)

    def _message_of(self, row: Document) -> Outgoing:
        return message_of(
            row,
            source=self._source,
            exchange=self._exchange,
            mode=self._mode,
            fields=self._fields,
        )

    async def _park(self, row: Document, reason: str) -> None:
        reason = reason[:REASON_CHARACTERS_MAX]
        with self._watchdog:
            is_parked = await self._rows.park(row["_id"], reason)
        metrics.parked.add(1, self._status.labels)
        self._status.log.error(
            "an event can never be published; its row is parked"
            if is_parked
            else "an event can never be published; its row cannot be parked",
            event_id=_short(row["_id"]),
            type=_short(row.get("type")),
            subject=_short(row.get("subject")),
            trace_id=trace_id(str(row.get("traceparent"))),
            reason=reason,
        )


def is_complete(row: Document) -> bool:
    """Whether a row has all that the relay adds where another producer left it out."""
    get = row.get
    return get("time") is not None and get("state") is not None and get("partition") is not None


def _short(value: object) -> str:
    return str(value)[:LOGGED_CHARACTERS_MAX]
