"""`postbox outbox`: the rows that are not published."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Final

import typer

from postbox.cli import scheduled
from postbox.cli.database import opened, row_of
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
from postbox.cli.output import print_json, print_table, row_document
from postbox.mongo import Document
from postbox.operations import RowSelection, backlog
from postbox.outbox import PARKED, PENDING, VALIDATOR, Source, install_schema

COLUMNS: Final = ("source", "state", "id", "type", "subject", "time", "parked for")

app: Final = typer.Typer(
    help="The rows that are pending, parked or scheduled.", no_args_is_help=True
)
app.command("scheduled")(scheduled.list_)
app.command()(scheduled.send_now)
app.command()(scheduled.drop)
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
        print_json({"rows": [row_document(name, row) for name, row in rows]})
    elif rows:
        print_table(COLUMNS, [_cells(name, row) for name, row in rows])
    if not rows:
        end(ExitCode.NOT_SO, "no such row")


@app.command()
def show(id_: Annotated[str, typer.Argument(metavar="ID")], sources: Sources) -> None:
    """One row whole, whatever its state, as JSON."""
    for one in parse_sources(sources, None):
        row = run(row_of(one, id_))
        if row is not None:
            print_json(row_document(one.name, row))
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


@app.command()
def schema(
    sources: Annotated[
        str, typer.Option("--sources", envvar="RELAY_SOURCES", metavar="NAME=URI,...")
    ] = "",
    source: Chosen = None,
    install: Annotated[
        bool, typer.Option("--install", help="Have the servers check every new row.")
    ] = False,
) -> None:
    """The JSON Schema of a row, as a validator of MongoDB's; with --install it is set."""
    if not install:
        print_json(VALIDATOR)
        return
    for one in parse_sources(sources, source):
        run(_install(one))
        print(f"{one.name}: {one.collection} takes rows of this shape alone")


async def _install(source: Source) -> None:
    async with opened(source) as database:
        await install_schema(database, source.collection)


async def _rows(
    source: Source, states: Sequence[str], wanted: RowSelection, most: int
) -> list[Document]:
    async with opened(source) as database:
        found = [
            await backlog.read(database, state, wanted, most=most, collection=source.collection)
            for state in states
        ]
        return [row for rows in found for row in rows]


async def _count(source: Source, wanted: RowSelection) -> int:
    async with opened(source) as database:
        return await backlog.count(database, PARKED, wanted, collection=source.collection)


async def _retry(source: Source, wanted: RowSelection) -> int:
    async with opened(source) as database:
        return await backlog.retry(database, wanted, collection=source.collection)


def _cells(source: str, row: Document) -> Sequence[object]:
    parked = row.get("parked")
    why = parked.get("reason") if isinstance(parked, dict) else None
    named = (row.get(name) for name in ("type", "subject", "time"))
    return (source, row.get("state"), row["_id"], *named, why)
