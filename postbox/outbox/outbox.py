"""The outbox: events written in the same transaction as the state they speak of.

A row that commits is published by the relay, whatever crashes; a row that does not commit never
existed. A row expires only after it was published.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from postbox.events import AnyFact, new_id
from postbox.mongo import (
    ASYNC,
    Database,
    DatabaseClock,
    Document,
    Kind,
    Session,
    answer,
    try_write,
)
from postbox.outbox.memory import MemorySession
from postbox.outbox.row import COLLECTION, outbox_row, prepare_rows, sending
from postbox.runtime import crash_point
from postbox.telemetry import created, current_trace

SessionT = TypeVar("SessionT")


class _Trial:
    """An event that is never committed: it shows whether the collection takes rows."""

    TYPE: ClassVar = "postbox.trial"
    subject = "trial"

    def data(self) -> dict[str, object]:
        return {}


class OutboxRules(Generic[SessionT]):
    """An outbox of any kind of client, whose sessions are `SessionT`."""

    def __init__(
        self,
        kind: Kind,
        database: object,
        *,
        source: str,
        collection: str = COLLECTION,
        clock: DatabaseClock | None = None,
        retention: timedelta | None = None,
    ) -> None:
        own = kind.own_database(database)
        self._kind = kind
        self._rows = own[collection]
        self._retention = retention
        self._source = source
        self._clock = clock or DatabaseClock(own.client)

    async def prepare(self) -> None:
        """Make the collection and its indexes, which a transaction must not do.

        SchemaMismatch where something else has their names, or where the collection refuses a row;
        safe to repeat, and beside others.
        """
        await self._clock.ensure_synced()
        await prepare_rows(self._rows, retention=self._retention)
        await try_write(self._rows, self.rows([_Trial()]))

    async def add(
        self,
        session: SessionT,
        *facts: AnyFact,
        headers: Mapping[str, Any] | None = None,
        deliver_at: datetime | None = None,
        routing_key: str | None = None,
    ) -> tuple[str, ...]:
        """Write `facts` under the current trace; returns their event ids. They go out on commit.

        Or at `deliver_at`, which has a time zone, where that is later by the database's clock.
        `headers` are texts, booleans and whole numbers of 64 bits; they go with each message.
        `routing_key` stands in the place of the events' types. InvalidPayload names what of these
        cannot be.
        """
        rows = self.rows(facts, headers=headers, deliver_at=deliver_at, routing_key=routing_key)
        await self.insert(session, rows)
        return tuple(row["_id"] for row in rows)

    def rows(
        self,
        facts: Iterable[AnyFact],
        *,
        headers: Mapping[str, Any] | None = None,
        deliver_at: datetime | None = None,
        routing_key: str | None = None,
    ) -> list[Document]:
        """The rows of `facts`, each stamped with an id, a time and the current trace context.

        EventTooLarge for one over 256 KiB; InvalidPayload for one that cannot go over the wire as
        it is.
        """
        trace = current_trace()
        now = self._clock.now()
        sent = sending(headers=headers, deliver_at=deliver_at, routing_key=routing_key, now=now)
        rows = []
        for fact in facts:
            event_id = new_id()
            row = outbox_row(fact, source=self._source)
            own = created(row["type"], event_id=event_id, subject=row["subject"]) or trace
            rows.append({"_id": event_id, **row, "time": now, **own, **sent})
        return rows

    async def insert(self, session: SessionT, rows: Sequence[Document]) -> None:
        """Write rows that `rows` made: one round trip for a whole batch's events."""
        if isinstance(session, MemorySession):
            session.rows.extend(rows)
            return
        own = self._kind.in_transaction(session)
        if rows:
            await answer(self._rows.insert_many(rows, ordered=False, session=own))
        crash_point("outbox.added")


class Outbox(OutboxRules[Session]):
    """Adds events of one `source`, in the sense of CloudEvents, such as "/services/booking".

    Rows are stamped by the database's clock: the one that is given, or one of the outbox's own,
    which `prepare` reads. A published row expires after `retention`; None keeps what the
    collection has, which is 7 days at first. A relay reads `outbox`, or the
    `collection` that its source names.
    """

    def __init__(
        self,
        database: Database,
        *,
        source: str,
        collection: str = COLLECTION,
        clock: DatabaseClock | None = None,
        retention: timedelta | None = None,
    ) -> None:
        super().__init__(
            ASYNC, database, source=source, collection=collection, clock=clock, retention=retention
        )
