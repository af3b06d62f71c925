"""The outbox: events written in the same transaction as the state they speak of.

A row that commits is published by the relay, whatever crashes; a row that does not commit never
existed. A row expires only after it was published.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from pymongo import ASCENDING, IndexModel

from postbox.errors import OutsideTransaction
from postbox.events import Fact, new_id
from postbox.mongo import Database, DatabaseClock, Document, Session
from postbox.outbox.row import COLLECTION, PARKED, PENDING, PUBLISHED, outbox_row
from postbox.runtime import crash_point
from postbox.telemetry import created, current_trace

RETENTION = timedelta(days=7)


class Outbox:
    """Adds events of one `source`, in the sense of CloudEvents, such as "/services/booking".

    Rows are stamped by the database's clock: the one that is given, or one of the outbox's own,
    which `prepare` reads.
    """

    def __init__(
        self, database: Database, *, source: str, clock: DatabaseClock | None = None
    ) -> None:
        self._rows = database[COLLECTION]
        self._source = source
        self._clock = clock or DatabaseClock(database.client)

    async def prepare(self) -> None:
        """Create the collection and its indexes, which a transaction must not do."""
        await self._clock.ensure_synced()
        oldest_first = [("state", ASCENDING), ("time", ASCENDING), ("_id", ASCENDING)]
        # Each holds rows of one state alone, so that a new row has a single key to be made.
        await self._rows.create_indexes(
            [
                IndexModel(oldest_first, name=PENDING, partialFilterExpression={"state": PENDING}),
                IndexModel(oldest_first, name=PARKED, partialFilterExpression={"state": PARKED}),
                IndexModel(
                    "published_at",
                    name=PUBLISHED,
                    partialFilterExpression={"state": PUBLISHED},
                    expireAfterSeconds=int(RETENTION.total_seconds()),
                ),
            ]
        )

    async def add(self, session: Session, *facts: Fact) -> tuple[str, ...]:
        """Write `facts` under the current trace; returns their event ids. They go out on commit."""
        rows = self.rows(facts)
        await self.insert(session, rows)
        return tuple(row["_id"] for row in rows)

    def rows(self, facts: Iterable[Fact]) -> list[Document]:
        """The rows of `facts`, each stamped with an id, a time and the current trace context.

        EventTooLarge for one over 256 KiB; TypeError for one whose data is not JSON.
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
