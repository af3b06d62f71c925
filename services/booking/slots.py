"""Who holds which quarter-hour: rows `{_id: "<resource>/<quantum start>", intent_id}`.

Two bookings that race for one quantum insert the same `_id`: one commits, and the other decides
again on a fresh snapshot, where the quantum is taken.
"""

from collections.abc import Iterable

from pymongo import DeleteOne, InsertOne
from pymongo.asynchronous.collection import AsyncCollection

from contracts.values import Slot
from postbox.mongo import Document, Session


class Slots:
    """The quanta that one batch touches, for the length of one transaction."""

    def __init__(self, collection: AsyncCollection[Document], held: dict[str, str]) -> None:
        self._collection = collection
        self._before = dict(held)
        self._held = held

    @classmethod
    async def read(
        cls, session: Session, collection: AsyncCollection[Document], slots: Iterable[Slot]
    ) -> "Slots":
        """Read who holds the quanta of `slots`, in one query."""
        quanta = {quantum for slot in slots for quantum in slot.quanta()}
        held: dict[str, str] = {}
        if quanta:
            rows = collection.find({"_id": {"$in": list(quanta)}}, session=session)
            held = {row["_id"]: row["intent_id"] async for row in rows}
        return cls(collection, held)

    def is_free(self, slot: Slot | None, intent_id: str) -> bool:
        """Whether no other intent holds any of the slot's quanta."""
        return slot is None or all(
            self._held.get(quantum, intent_id) == intent_id for quantum in slot.quanta()
        )

    def take(self, slot: Slot, intent_id: str) -> None:
        for quantum in slot.quanta():
            self._held[quantum] = intent_id

    def free(self, slot: Slot, intent_id: str) -> None:
        for quantum in slot.quanta():
            if self._held.get(quantum) == intent_id:
                del self._held[quantum]

    async def write(self, session: Session) -> None:
        """Write what changed: frees first, for another may take in the same batch."""
        frees = [
            DeleteOne({"_id": quantum, "intent_id": holder})
            for quantum, holder in self._before.items()
            if self._held.get(quantum) != holder
        ]
        takes = [
            InsertOne({"_id": quantum, "intent_id": holder})
            for quantum, holder in self._held.items()
            if self._before.get(quantum) != holder
        ]
        if frees or takes:
            await self._collection.bulk_write([*frees, *takes], ordered=True, session=session)
