"""A search over all sources: each gives its newest, and they are merged by their times."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from postbox.console.events.cursor import Positions
from postbox.console.sources import Looked, Sources
from postbox.mongo import Document
from postbox.operations import Criteria, Page, search

PAGE: Final = 50
_BEGINNING: Final = object()
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """`after` is None where there is nothing more."""

    found: list[tuple[str, Document]]
    after: Positions | None
    looked_through: Mapping[str, int]
    """The sources of which only so many rows could be looked through."""
    problems: Mapping[str, str]


async def listed(
    sources: Sources,
    wanted: Criteria,
    *,
    source: str | None = None,
    after: Positions | None = None,
    keep: Callable[[Document], bool] | None = None,
    most: int = PAGE,
) -> Listing:
    """The newest events of all sources, or of one, that come after `after`."""
    positions = after or {}
    among = [
        one
        for one in sources.all
        if source in (None, one.name)
        and not (one.name in positions and positions[one.name] is None)
    ]

    async def found_in(one: Looked) -> Page:
        return await search(
            one.database,
            wanted,
            after=positions.get(one.name),
            most=most,
            keep=keep,
            collection=one.collection,
        )

    pages, problems = await sources.ask(found_in, among=among)
    merged = heapq.merge(*(_dated(name, page) for name, page in pages.items()), key=_newest_first)
    found = [(name, row) for _, (_, name, row) in zip(range(most), merged, strict=False)]
    moved = dict(positions)
    for name, page in pages.items():
        shown = [row for owner, row in found if owner == name]
        if len(shown) == len(page.rows):
            moved[name] = page.after
        elif shown:
            moved[name] = shown[-1]["_id"]
        # Else it stays where it was: its rows are older than all that are shown.
    is_more = any(moved.get(name, _BEGINNING) is not None for name in pages)
    return Listing(
        found=found,
        after=moved if is_more else None,
        looked_through={
            name: page.looked_through for name, page in pages.items() if page.looked_through
        },
        problems=problems,
    )


def _dated(name: str, page: Page) -> Iterator[tuple[datetime, str, Document]]:
    for row in page.rows:
        time = row.get("time")
        yield time if isinstance(time, datetime) else _NO_TIME, name, row


def _newest_first(dated: tuple[datetime, str, Document]) -> float:
    return -(dated[0] - _NO_TIME).total_seconds()
