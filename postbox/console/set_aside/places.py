"""Where things are set aside: dead queues, the queue of what no queue wanted, parked rows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from postbox.console.sources import Looked, Sources, ask_one
from postbox.errors import BrokerUnavailable, DatabaseUnavailable
from postbox.mongo import Document
from postbox.operations import DeadLetter, NoSuchQueue, RowSelection, Selection, backlog, redrive
from postbox.outbox import PARKED, event_id
from postbox.rabbitmq.dead_letter import DEAD_SUFFIX

LOOKED_AT_MAX: Final = 200
"""Of one place, for a page: AMQP shows a message only by delivering it."""
CHOSEN_MAX: Final = 10_000
"""Of one place, for one action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that was set aside, wherever it is."""

    place: str
    kind: str
    """`dead letter`, `unrouted` or `parked`."""
    id: str
    type: str | None
    subject: str | None
    reason: str | None
    error: str | None
    at: object
    deliveries: int
    letter: DeadLetter | None = None
    row: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Those for which everything that is given holds. `ids` maps a place to ids there."""

    place: str | None = None
    type: str | None = None
    reason: str | None = None
    ids: dict[str, frozenset[str]] | None = None


class Places:
    """All of them. A queue's messages are looked at, and settled, by one at a time."""

    def __init__(self, sources: Sources, uri: str, *, queues: Sequence[str], exchange: str) -> None:
        self.uri = uri
        self.exchange = exchange
        self.unrouted: Final = f"{exchange}.unrouted"
        self.consumers: Final = tuple(queues)
        dead = (f"{name.removesuffix(DEAD_SUFFIX)}{DEAD_SUFFIX}" for name in queues)
        self.queues: Final[tuple[str, ...]] = (*dict.fromkeys(dead), self.unrouted)
        self.sources = sources
        self.locks: Final = {name: asyncio.Lock() for name in self.queues}

    @property
    def names(self) -> list[str]:
        return [*self.queues, *self.sources.names]

    async def look(
        self, chosen: Chosen, *, most: int = LOOKED_AT_MAX
    ) -> tuple[list[Item], dict[str, int], dict[str, str]]:
        """What is chosen; how many more there are in each place; which places gave no answer."""
        names = [
            name
            for name in self.names
            if chosen.place in (None, name) and (chosen.ids is None or name in chosen.ids)
        ]
        looks = await asyncio.gather(*(self._look(name, chosen, most) for name in names))
        items, unseen, problems = list[Item](), dict[str, int](), dict[str, str]()
        for name, seen in zip(names, looks, strict=True):
            if isinstance(seen, str):
                problems[name] = seen
                continue
            items += seen[0]
            if seen[1]:
                unseen[name] = seen[1]
        return items, unseen, problems

    async def _look(self, name: str, chosen: Chosen, most: int) -> tuple[list[Item], int] | str:
        ids = None if chosen.ids is None else chosen.ids.get(name, frozenset())
        try:
            if (source := self.sources.named(name)) is not None and name not in self.locks:
                return await self._parked(source, chosen, ids, most)
            return await self._letters(name, chosen, ids, most)
        except (BrokerUnavailable, DatabaseUnavailable, NoSuchQueue) as error:
            return str(error)

    async def _letters(
        self, queue: str, chosen: Chosen, ids: frozenset[str] | None, most: int
    ) -> tuple[list[Item], int] | str:
        lock = self.locks[queue]
        if lock.locked() and ids is None:
            return "an action on it is under way: see the audit"
        wanted = Selection(ids=ids, type=chosen.type, reason=chosen.reason)
        async with lock:
            found = await redrive.find(self.uri, queue, wanted, most=most)
        kind = "unrouted" if queue == self.unrouted else "dead letter"
        return [_of_letter(letter, kind) for letter in found.messages], found.unseen

    async def _parked(
        self, source: Looked, chosen: Chosen, ids: frozenset[str] | None, most: int
    ) -> tuple[list[Item], int]:
        wanted = RowSelection(ids=tuple(ids or ()), type=chosen.type, reason=chosen.reason)
        database, collection = source.database, source.collection
        rows = await ask_one(
            lambda: backlog.read(database, PARKED, wanted, most=most, collection=collection)
        )
        count = await ask_one(
            lambda: backlog.count(database, PARKED, wanted, collection=collection)
        )
        return [_of_row(source.name, row) for row in rows], max(0, count - len(rows))


def _of_letter(letter: DeadLetter, kind: str) -> Item:
    return Item(
        place=letter.queue,
        kind=kind,
        id=letter.id,
        type=letter.type,
        subject=letter.subject,
        reason=letter.reason,
        error=letter.error,
        at=letter.at,
        deliveries=letter.deliveries,
        letter=letter,
    )


def _of_row(source: str, row: Document) -> Item:
    parked = row.get("parked")
    why: dict[str, Any] = parked if isinstance(parked, dict) else {}
    return Item(
        place=source,
        kind="parked",
        id=event_id(row["_id"]) or str(row["_id"]),
        type=None if row.get("type") is None else str(row["type"]),
        subject=None if row.get("subject") is None else str(row["subject"]),
        reason=None if why.get("reason") is None else str(why["reason"]),
        error=None,
        at=why.get("at"),
        deliveries=0,
        row=row,
    )
