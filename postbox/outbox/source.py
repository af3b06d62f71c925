"""Where an outbox is: a collection of a database, named by a word; and its shards for relays."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from postbox.events import PARTITIONS
from postbox.outbox.reading import partition_of
from postbox.outbox.row import COLLECTION

_NEXT_SOURCE = re.compile(r",(?=[^,=/?&]+=mongodb(?:\+srv)?://)")
"""A comma that begins another source; the other commas are between the hosts of one URI."""


def beside(collection: str, name: str) -> str:
    """What relays keep in the collection `name`; an outbox elsewhere has one of its own."""
    return name if collection == COLLECTION else f"{name}.{collection}"


@dataclass(frozen=True, slots=True)
class Source:
    """An outbox, by a short name, the URI of its database and its collection there."""

    name: str
    uri: str
    collection: str = COLLECTION

    @property
    def default(self) -> str:
        """The source, in the sense of CloudEvents, of a row that names none."""
        return f"/{self.name}"

    def beside(self, name: str) -> str:
        """The collection of that name that the relays of this outbox keep."""
        return beside(self.collection, name)

    @classmethod
    def parse_all(cls, text: str) -> tuple[Self, ...]:
        """Read `name=mongodb://.../database,...`. ValueError says which part is wrong.

        `name:collection=...` is an outbox in another collection than `outbox`.
        """
        sources = tuple(cls._parse(part.strip()) for part in _NEXT_SOURCE.split(text))
        names = [source.name for source in sources]
        if len(set(names)) < len(names):
            raise ValueError(f"a name is used twice: {', '.join(names)}")
        return sources

    @classmethod
    def _parse(cls, part: str) -> Self:
        named, _, uri = part.partition("=")
        name, has_collection, collection = named.partition(":")
        if not name or not uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("expected name=mongodb://host/database,...")
        if not uri.partition("://")[2].partition("/")[2].partition("?")[0]:
            raise ValueError(f"{name}: name the database in the path of its URI")
        if not has_collection:
            return cls(name, uri)
        if not collection or "$" in collection or collection.startswith("system."):
            raise ValueError(f"{name}: not a name of a collection: {collection!r}")
        return cls(name, uri, collection)


@dataclass(frozen=True, slots=True)
class Shard:
    """The rows whose partition modulo `count` is `index`.

    A row that names no partition, a whole number below 64, is in that of its subject.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"expected i/n with 0 <= i < n, got {self}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `i/n`."""
        index, _, count = text.partition("/")
        if not (index.isdecimal() and count.isdecimal()):
            raise ValueError(f"expected i/n with 0 <= i < n, got {text!r}")
        return cls(int(index), int(count))

    @classmethod
    def all(cls, count: int) -> tuple[Self, ...]:
        """All that there are where there are `count`."""
        return tuple(cls(index, count) for index in range(count))

    def filter(self, prefix: str = "") -> dict[str, Any]:
        """The filter for this shard's rows, their fields being under `prefix`.

        It lets rows without a partition pass, which MongoDB cannot compute: ask `owns` for those.
        """
        if self.count == 1:
            return {}
        named = f"${prefix}partition"
        is_number = {"$in": [{"$type": named}, ["int", "long", "double"]]}
        in_range = [{"$gte": [named, 0]}, {"$lt": [named, PARTITIONS]}]
        mine = {"$eq": [{"$mod": [{"$toInt": named}, self.count]}, self.index]}
        return {"$and": [{"$expr": {"$cond": [{"$and": [is_number, *in_range]}, mine, True]}}]}

    def owns(self, row: Mapping[str, Any]) -> bool:
        """Whether a row that `filter` let pass is in this shard."""
        return self.count == 1 or partition_of(row) % self.count == self.index
