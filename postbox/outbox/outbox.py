"""The outbox: events written in the same transaction as the state they speak of.

A row that commits is published by the relay, whatever crashes; a row that does not commit never
existed. A row expires only after it was published.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import ClassVar

from postbox.errors import OutsideTransaction
from postbox.events import Fact, new_id
from postbox.mongo import Database, DatabaseClock, Document, Session, try_write
from postbox.outbox.row import COLLECTION, outbox_row, prepare_rows
from postbox.runtime import crash_point
from postbox.telemetry import created, current_trace


class _Trial:
    """An event that is never committed: it shows whether the collection takes rows."""

    TYPE: ClassVar = "postbox.trial"
    subject = "trial"

    def data(self) -> dict[str, object]:
        return {}


class Outbox:
    """Adds events of one `source`, in the sense of CloudEvents, such as "/services/booking".

    Rows are stamped by the database's clock: the one that is given, or one of the outbox's own,
    which `prepare` reads. A published row expires after `retention`; None keeps what the
    collection has, which is 7 days at first.
    """

    def __init__(
        self,
        database: Database,
        *,
        source: str,
        clock: DatabaseClock | None = None,
        retention: timedelta | None = None,
    ) -> None:
        self._rows = database[COLLECTION]
        self._retention = retention
        self._source = source
        self._clock = clock or DatabaseClock(database.client)

    async def prepare(self) -> None:
        """Make the collection and its indexes, which a transaction must not do.

        SchemaMismatch where something else has their names, or where the collection refuses a row;
        safe to repeat, and beside others.
        """
        await self._clock.ensure_synced()
        await prepare_rows(self._rows, retention=self._retention)
        await try_write(self._rows, self.rows([_Trial()]))

    async def add(self, session: Session, *facts: Fact) -> tuple[str, ...]:
        """Write `facts` under the current trace; returns their event ids. They go out on commit."""
        rows = self.rows(facts)
        await self.insert(session, rows)
        return tuple(row["_id"] for row in rows)

    def rows(self, facts: Iterable[Fact]) -> list[Document]:
        """The rows of `facts`, each stamped with an id, a time and the current trace context.

        EventTooLarge for one over 256 KiB; InvalidPayload for one that cannot go over the wire as
        it is.
        """
        trace = current_trace()
        now = self._clock.now()
        rows = []
        for fact in facts:
            event_id = new_id()
            own = created(fact.TYPE, event_id=event_id, subject=fact.subject) or trace
            row = outbox_row(fact, source=self._source)
            rows.append({"_id": event_id, **row, "time": now, **own})
        return rows

    async def insert(self, session: Session, rows: Sequence[Document]) -> None:
        """Write rows that `rows` made: one round trip for a whole batch's events."""
        if not session.in_transaction:
            raise OutsideTransaction("an outbox row is written only inside a transaction")
        if rows:
            await self._rows.insert_many(rows, ordered=False, session=session)
        crash_point("outbox.added")
