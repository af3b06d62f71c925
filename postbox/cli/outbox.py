"""`postbox outbox`: the pending rows or parked."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, Final

import typer

from postbox.cli.database import opened
from postbox.cli.options import (
    All,
    Chosen,
    Ids,
    Json,
    Limit,
    Sources,
    Type,
    Yes,
    expect_choice,
    parse_sources,
)
from postbox.cli.outcome import ExitCode, agree, end, run
from postbox.cli.output import print_json, print_table
from postbox.mongo import Document
from postbox.operations import RowSelection, backlog
from postbox.outbox import PARKED, PENDING, Source

COLUMNS: Final = ("source", "state", "id", "type", "subject", "time", "parked for")

app: Final = typer.Typer(help="The pending rows or parked.", no_args_is_help=True)
Because = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Parked for a reason with this text.")
]


class State(Enum):
    """Rows that are not published."""

    PENDING = PENDING  # a relay will publish it
    PARKED = PARKED  # cannot be published as it is


@app.command("list")
def list_(
    sources: Sources,
    source: Chosen = None,
    state: Annotated[
        State | None, typer.Option(metavar="pending|parked", help="Only rows in this state.")
    ] = None,
    type_: Type = None,
    reason: Because = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Rows that are pending or parked, oldest first. Exits with 1 where there is none."""
    wanted = RowSelection(type=type_, reason=reason)
    states = [one.value for one in State if state in (None, one)]
    rows = [
        (one.name, row)
        for one in parse_sources(sources, source)
        for row in run(_rows(one, states, wanted, limit))
    ][:limit]
    if as_json:
        print_json({"rows": [_document(name, row) for name, row in rows]})
    elif rows:
        print_table(COLUMNS, [_cells(name, row) for name, row in rows])
    if not rows:
        end(ExitCode.NOT_SO, "no such row")


@app.command()
def show(id_: Annotated[str, typer.Argument(metavar="ID")], sources: Sources) -> None:
    """One row whole, whatever its state, as JSON."""
    for one in parse_sources(sources, None):
        row = run(_row(one, id_))
        if row is not None:
            print_json(_document(one.name, row))
            return
    end(ExitCode.NOT_SO, f"no row has the id {id_}")


@app.command()
def retry(
    sources: Sources,
    ids: Ids = None,
    source: Chosen = None,
    type_: Type = None,
    reason: Because = None,
    everything: All = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Set parked rows back to pending. The relay's next sweep, within a minute or two, takes them.

    One that still cannot be published is parked again.
    """
    wanted = RowSelection(ids=tuple(ids or ()), type=type_, reason=reason)
    expect_choice(everything=everything, narrowed=wanted != backlog.ALL)
    chosen = parse_sources(sources, source)
    counts = {one.name: run(_count(one, wanted)) for one in chosen}
    retried = dict.fromkeys(counts, 0)
    if any(counts.values()):
        said = ", ".join(f"{count:,} of {name}" for name, count in counts.items() if count)
        agree(f"parked rows to set back to pending: {said}", yes=yes)
        retried = {one.name: run(_retry(one, wanted)) for one in chosen}
    if as_json:
        print_json({"retried": retried})
    if not any(retried.values()):
        end(ExitCode.NOT_SO, "no such row is parked")
    if not as_json:
        print(f"set {sum(retried.values()):,} rows back to pending")


async def _rows(
    source: Source, states: Sequence[str], wanted: RowSelection, most: int
) -> list[Document]:
    async with opened(source) as database:
        found = [await backlog.read(database, state, wanted, most=most) for state in states]
        return [row for rows in found for row in rows]


async def _row(source: Source, id_: str) -> Document | None:
    async with opened(source) as database:
        return await backlog.find(database, id_)


async def _count(source: Source, wanted: RowSelection) -> int:
    async with opened(source) as database:
        return await backlog.count(database, PARKED, wanted)


async def _retry(source: Source, wanted: RowSelection) -> int:
    async with opened(source) as database:
        return await backlog.retry(database, wanted)


def _document(source: str, row: Document) -> dict[str, Any]:
    return {"outbox": source, "id": row["_id"], **{k: v for k, v in row.items() if k != "_id"}}


def _cells(source: str, row: Document) -> Sequence[object]:
    parked = row.get("parked")
    why = parked.get("reason") if isinstance(parked, dict) else None
    named = (row.get(name) for name in ("type", "subject", "time"))
    return (source, row.get("state"), row["_id"], *named, why)
