"""`postbox outbox scheduled`, `send-now` and `drop`: the rows that wait for their time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Protocol

import typer

from postbox.cli.database import opened, row_of
from postbox.cli.options import Chosen, Json, Limit, Sources, Yes, moment, parse_sources
from postbox.cli.outcome import ExitCode, agree, end, run, say
from postbox.cli.output import print_json, print_table, row_document
from postbox.mongo import Database, Document
from postbox.operations import Became, Place, scheduled
from postbox.outbox import CLAIM, Source

COLUMNS: Final = ("source", "id", "type", "subject", "deliver at", "claimed by")
SAID: Final = {
    Became.DUE: "it is due: a relay publishes it within a second",
    Became.DROPPED: "it was dropped, and never goes out",
    Became.CLAIMED: "nothing was done: a relay is publishing it",
    Became.PENDING: "nothing was done: it is pending, to be published at once",
    Became.PUBLISHED: "nothing was done: it is already published",
    Became.PARKED: "nothing was done: it is parked, for it cannot be published",
    Became.UNKNOWN: "nothing was done: no row has this id",
}
Id = Annotated[str, typer.Argument(metavar="ID")]


class Action(Protocol):
    """What is done to one row of an outbox."""

    async def __call__(self, database: Database, id: str, *, collection: str) -> Became: ...


def list_(
    sources: Sources,
    source: Chosen = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Those that are due from then on.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="Those behind this row, the last of a page.")
    ] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Rows that wait for their time, the next one first. Exits with 1 where there is none."""
    if since is not None and after is not None:
        raise typer.BadParameter("--from or --after, not both")
    rows = run(_rows(parse_sources(sources, source), since, after, limit))
    if as_json:
        print_json({"rows": [row_document(name, row) for name, row in rows]})
    elif rows:
        print_table(COLUMNS, [_cells(name, row) for name, row in rows])
        if len(rows) == limit:
            say(f"there may be more: --after {rows[-1][1]['_id']}")
    if not rows:
        end(ExitCode.NOT_SO, "no such row")


def send_now(id_: Id, sources: Sources, yes: Yes = False, as_json: Json = False) -> None:
    """Publish a scheduled row now. Exits with 1 where there is none to publish."""
    _act(id_, sources, "publish now", scheduled.send_now, yes=yes, as_json=as_json)


def drop(id_: Id, sources: Sources, yes: Yes = False, as_json: Json = False) -> None:
    """Remove a scheduled row, so that it never goes out. Exits with 1 where it is too late."""
    _act(id_, sources, "drop", scheduled.drop, yes=yes, as_json=as_json)


def _act(id_: str, sources: str, verb: str, action: Action, *, yes: bool, as_json: bool) -> None:
    became = Became.UNKNOWN
    for one in parse_sources(sources, None):
        row = run(row_of(one, id_))
        if row is not None:
            about = f"{row.get('type')} about {row.get('subject')}, due {row.get('deliver_at')}"
            agree(f"event of {one.name} to {verb}: {about}", yes=yes)
            became = run(_done(one, id_, action))
            break
    if as_json:
        print_json({"id": id_, "became": became.value})
    if became not in (Became.DUE, Became.DROPPED):
        end(ExitCode.NOT_SO, SAID[became])
    if not as_json:
        print(SAID[became])


async def _done(source: Source, id_: str, action: Action) -> Became:
    async with opened(source) as database:
        return await action(database, id_, collection=source.collection)


async def _rows(
    sources: Sequence[Source], since: str | None, after: str | None, most: int
) -> list[tuple[str, Document]]:
    """The first rows of all sources together; of those that are due at once, source by source."""
    starts: Sequence[Place | None] = [None] * len(sources)
    if since is not None:
        starts = [Place(at=moment(since, now=datetime.now(UTC)))] * len(sources)
    if after is not None:
        starts = await _behind(sources, after)
    found: list[tuple[str, Document]] = []
    for one, start in zip(sources, starts, strict=True):
        async with opened(one) as database:
            rows = await scheduled.read(database, start=start, most=most, collection=one.collection)
            found += [(one.name, row) for row in rows]
    return sorted(found, key=lambda pair: _due_at(pair[1]))[:most]


async def _behind(sources: Sequence[Source], id_: str) -> Sequence[Place]:
    """Where each source goes on behind that row."""
    for index, one in enumerate(sources):
        row = await row_of(one, id_)
        if row is not None:
            at = _due_at(row)
            earlier = [Place(at=at, is_behind=True)] * index
            later = [Place(at=at)] * (len(sources) - index - 1)
            return [*earlier, Place(at=at, id=row["_id"]), *later]
    raise typer.BadParameter(f"--after {id_}: no row has this id any more; use --from")


def _due_at(row: Document) -> datetime:
    at = row.get("deliver_at")
    return at if isinstance(at, datetime) else datetime.min.replace(tzinfo=UTC)


def _cells(source: str, row: Document) -> Sequence[object]:
    named = (row.get(name) for name in ("type", "subject", "deliver_at", CLAIM))
    return (source, row["_id"], *named)
