"""The views that a batch touches, and their archive: what a view has no room for any more.

A row of the archive is `{_id: "<intentId>/timeline/<eventId>"}` or
`{_id: "<intentId>/payments/<paymentId>"}`. It is read only for a view that is full, so an event
costs the same however many came before it. The version of its view guards it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from pymongo import ReplaceOne

from contracts.events import Event
from postbox.mongo import Database, Document, Session, States
from services.gateway.rules.core import (
    PAYMENTS_MAX,
    TIMELINE_MAX_ENTRIES,
    Archived,
    payment_of,
    project,
)
from services.gateway.rules.view import PaymentView, View


class Views:
    """A unit of work, for the length of one transaction."""

    def __init__(self, database: Database, views: States, archive: dict[str, Document]) -> None:
        self._collection = database["view_archive"]
        self._views = views
        self._read: dict[str, View | None] = {}  # each is built from its document once
        self._changed: set[str] = set()
        self._archive = archive
        self._archived: set[str] = set()  # keys to write

    @classmethod
    async def read(
        cls,
        session: Session,
        database: Database,
        intent_ids: Iterable[str],
        arriving: Sequence[tuple[str, Event]] = (),
    ) -> "Views":
        """Read the views of `intent_ids`; `arriving` has the id of each event that is not new."""
        views = await States.read(session, database["views"], intent_ids)
        counts = Counter(fact.intent_id for _, fact in arriving)
        keys: set[str] = set()
        for event_id, fact in arriving:
            view = views.get(fact.intent_id)
            if view is not None and _may_be_full(view, counts[fact.intent_id]):
                keys.add(_entry_key(fact.intent_id, event_id))
                keys.add(_payment_key(fact.intent_id, payment_of(fact)))
        archive: dict[str, Document] = {}
        if keys:
            found = database["view_archive"].find({"_id": {"$in": list(keys)}}, session=session)
            archive = {row["_id"]: row async for row in found}
        return cls(database, views, archive)

    def get(self, intent_id: str) -> View | None:
        if intent_id not in self._read:
            document = self._views.get(intent_id)
            self._read[intent_id] = None if document is None else View.from_document(document)
        return self._read[intent_id]

    def project(self, fact: Event, *, event_id: str, time: datetime, trace_id: str | None) -> bool:
        """Whether the event changed its view."""
        intent_id, before = fact.intent_id, self.get(fact.intent_id)
        payment = self._archive.get(_payment_key(intent_id, payment_of(fact)))
        archived = Archived(
            entry=_entry_key(intent_id, event_id) in self._archive,
            payment=None if payment is None else PaymentView.from_document(payment),
        )
        after = project(
            before, fact, event_id=event_id, time=time, trace_id=trace_id, archived=archived
        )
        if after.view == before:
            return False
        self._read[intent_id] = after.view
        self._changed.add(intent_id)
        for entry in after.entries:
            self._put(_entry_key(intent_id, entry.event_id), entry.to_document())
        for one in after.payments:
            self._put(_payment_key(intent_id, one.payment_id), one.to_document())
        return True

    def _put(self, key: str, row: Document) -> None:
        self._archive[key] = row
        self._archived.add(key)

    async def write(self, session: Session) -> None:
        for intent_id in self._changed:
            view = self._read[intent_id]
            assert view is not None, "a view that changed is there"
            self._views.put(intent_id, view.to_document())
        await self._views.write(session)
        writes = [
            ReplaceOne({"_id": key}, self._archive[key], upsert=True) for key in self._archived
        ]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)


def _may_be_full(view: Document, arriving: int) -> bool:
    return (
        len(view["timeline"]) + arriving > TIMELINE_MAX_ENTRIES
        or len(view["payments"]) + arriving > PAYMENTS_MAX
    )


def _entry_key(intent_id: str, event_id: str) -> str:
    return f"{intent_id}/timeline/{event_id}"


def _payment_key(intent_id: str, payment_id: str | None) -> str:
    return f"{intent_id}/payments/{payment_id or ''}"
