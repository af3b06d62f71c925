"""`postbox relay`: how the relays stand, and publishing again what went out."""

from datetime import datetime
from typing import Annotated, Final, NamedTuple

import typer

from postbox.cli import progress
from postbox.cli.database import opened
from postbox.cli.options import (
    Chosen,
    Content,
    Exchange,
    Json,
    Prefix,
    Rabbitmq,
    RowFields,
    Sources,
    Yes,
    moment,
    parse_content_mode,
    parse_fields,
    parse_sources,
)
from postbox.cli.outcome import ExitCode, agree, end, run, say
from postbox.cli.output import print_json, print_table
from postbox.cli.status import COLUMNS, Look, look
from postbox.mongo import DatabaseClock
from postbox.operations import COUNT_MAX, TimeRange, replay
from postbox.outbox import Fields, Source
from postbox.rabbitmq import EXCHANGE, ContentMode

LAG_MAX_S: Final = 60.0

app: Final = typer.Typer(help="How the relays stand; replaying.", no_args_is_help=True)


@app.command()
def status(
    sources: Sources,
    source: Chosen = None,
    lag_max: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="A longer lag is a problem.")
    ] = LAG_MAX_S,
    as_json: Json = False,
) -> None:
    """Each shard of each source: leader, lag, token and oplog, pending, parked.

    Exits with 1 where a problem is found, with 3 where a source is unavailable.
    """
    found = run(look(parse_sources(sources, source), lag_max_s=lag_max))
    if as_json:
        print_json({"sources": [one.document for one in found]})
    else:
        print_table(COLUMNS, [cells for one in found for cells in one.cells])
        for one in found:
            for problem in one.problems:
                print(f"{one.source}: {problem}")
    end(_judged(found))


def _judged(found: list[Look]) -> ExitCode:
    if any(one.standing is None for one in found):
        return ExitCode.UNAVAILABLE
    return ExitCode.NOT_SO if any(one.problems for one in found) else ExitCode.DONE


class Wire(NamedTuple):
    """How the relays publish, which a replay has to do likewise."""

    exchange: str
    mode: ContentMode
    fields: Fields


@app.command("replay")
def replay_(
    sources: Sources,
    rabbitmq: Rabbitmq,
    since: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="90m, 2h, 3d ago, or 2026-11-22T10:00:00Z."),
    ],
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="The same; now if it is left out.")
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only this type; may be repeated."),
    ] = None,
    source: Chosen = None,
    exchange: Exchange = EXCHANGE,
    content_mode: Content = "structured",
    binary_prefix: Prefix = "ce-",
    fields: RowFields = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Publish again what was published since TIME. Repeats are harmless to an inbox.

    Rows expire seven days after they were published; those are out of reach.
    """
    chosen = parse_sources(sources, source)
    wire = Wire(exchange, parse_content_mode(content_mode, binary_prefix), parse_fields(fields))
    plans = {one.name: run(_plan(one, since, until, tuple(types or ()))) for one in chosen}
    total = sum(count for _, count in plans.values())
    if as_json and not total:
        print_json({"published": dict.fromkeys(plans, 0)})
    if not total:
        end(ExitCode.NOT_SO, "nothing was published in that time")
    agree(_said(plans, exchange), yes=yes)
    published = {one.name: _replayed(one, rabbitmq, *plans[one.name], wire) for one in chosen}
    if as_json:
        print_json({"published": published})
    else:
        print(f"published {sum(published.values()):,} events again")


def _said(plans: dict[str, tuple[TimeRange, int]], exchange: str) -> str:
    lines = [
        f"  {name}: {'at least ' if count >= COUNT_MAX else ''}{count:,}"
        f" from {stretch.since.isoformat()} to {stretch.until.isoformat()}"
        for name, (stretch, count) in plans.items()
    ]
    return "\n".join((f"events to publish again to the exchange {exchange!r}:", *lines))


async def _plan(
    source: Source, since: str, until: str | None, types: tuple[str, ...]
) -> tuple[TimeRange, int]:
    async with opened(source) as database:
        clock = DatabaseClock(database.client)
        await clock.sync()
        now = clock.now()
        stretch = TimeRange(
            since=moment(since, now=now),
            until=now if until is None else moment(until, now=now),
            types=types,
        )
        return stretch, await replay.count(database, stretch, collection=source.collection)


def _replayed(source: Source, rabbitmq: str, stretch: TimeRange, count: int, wire: Wire) -> int:
    """Replay one source; returns how many. Where it fails, it says from where to go on."""
    published = 0
    last: datetime = stretch.since
    with progress.shown(source.name, count) as advance:

        def done(rows: int, at: datetime) -> None:
            nonlocal published, last
            published, last = published + rows, at
            advance(rows)

        async def work() -> None:
            async with opened(source) as database:
                await replay.replay(
                    source,
                    database,
                    rabbitmq,
                    stretch,
                    done=done,
                    exchange=wire.exchange,
                    mode=wire.mode,
                    fields=wire.fields,
                )

        try:
            run(work())
        except typer.Exit:
            say(
                f"{source.name}: {published:,} were published; go on with --from {last.isoformat()}"
            )
            raise
    return published
