"""The states that one batch touches: read once, decided on in memory, written once, all or none.

Each document carries a version `v`. A write names the version it was decided on, so a decision is
never applied to a state it did not see. Write skew commits in MongoDB: so whatever a decision
relied on must be put back, even unchanged.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from postbox.errors import StaleState
from postbox.mongo.connection import Document, Session

Write = InsertOne[Document] | ReplaceOne[Document] | UpdateOne


@dataclass(slots=True)
class _Entry:
    version: int | None  # None: there is no document yet
    document: Document | None
    due_in_ms: Mapping[str, int] | None = None
    changed: bool = False


class States:
    """A unit of work over one collection, for the length of one transaction."""

    def __init__(self, collection: AsyncCollection[Document], entries: dict[str, _Entry]) -> None:
        self._collection = collection
        self._entries = entries

    @classmethod
    async def read(
        cls,
        session: Session,
        collection: AsyncCollection[Document],
        ids: Iterable[str | None],
        *,
        absent: AbstractSet[str | None] = frozenset(),
    ) -> "States":
        """Read the documents of `ids` in one query; None among the ids is passed over.

        Those that are `absent`, as another document of the same transaction says, are not looked
        for.
        """
        entries = {id_: _Entry(None, None) for id_ in ids if id_ is not None}
        wanted = [id_ for id_ in entries if id_ not in absent]
        if wanted:
            async for found in collection.find({"_id": {"$in": wanted}}, session=session):
                entries[found["_id"]] = _Entry(found.pop("v"), found)
        return cls(collection, entries)

    def get(self, id_: str | None) -> Document | None:
        """The document as it stands in this unit of work, without `v`; None where there is none."""
        return None if id_ is None else self._entries[id_].document

    def put(
        self, id_: str, document: Document, *, due_in_ms: Mapping[str, int] | None = None
    ) -> None:
        """Insert or replace on `write`.

        Each field of `due_in_ms` becomes the database's now plus so many milliseconds; None keeps
        what an earlier `put` of this unit of work asked for, and an empty mapping takes it back.
        """
        entry = self._entries[id_]
        entry.document = {**document, "_id": id_}
        if due_in_ms is not None:
            entry.due_in_ms = due_in_ms
        entry.changed = True

    async def write(self, session: Session) -> None:
        """Write what was put, in one round trip. StaleState where a version is not the one read."""
        changed = [(id_, entry) for id_, entry in self._entries.items() if entry.changed]
        if not changed:
            return
        writes = [_write(id_, entry) for id_, entry in changed]
        result = await self._collection.bulk_write(writes, ordered=False, session=session)
        applied = result.inserted_count + result.matched_count + result.upserted_count
        if applied != len(writes):
            raise StaleState(f"{self._collection.name}: {len(writes) - applied} changed meanwhile")


def _write(id_: str, entry: _Entry) -> Write:
    assert entry.document is not None
    document = {**entry.document, "v": 0 if entry.version is None else entry.version + 1}
    if entry.due_in_ms:
        # Only the server can read its own clock; the upsert inserts where no document exists and
        # fails on the duplicate key where one has appeared.
        stamps: dict[str, Any] = {
            field: {"$add": ["$$NOW", ms]} for field, ms in entry.due_in_ms.items()
        }
        return UpdateOne(
            {"_id": id_, "v": {"$exists": False} if entry.version is None else entry.version},
            [{"$replaceWith": {"$mergeObjects": [{"$literal": document}, stamps]}}],
            upsert=entry.version is None,
        )
    if entry.version is None:
        return InsertOne(document)
    return ReplaceOne({"_id": id_, "v": entry.version}, document)
