"""The options that several commands share, and the variables that may stand for them."""

from typing import Annotated

import typer

from postbox.outbox import Source

Sources = Annotated[
    str,
    typer.Option(
        "--sources",
        envvar="RELAY_SOURCES",
        metavar="NAME=URI,...",
        help="The outboxes: name=mongodb://host/database,...",
    ),
]
Chosen = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="NAME", help="Only this source; may be repeated."),
]
Rabbitmq = Annotated[
    str,
    typer.Option("--rabbitmq", envvar="RABBITMQ_URI", metavar="URI", help="amqp://... or amqps://"),
]
Queues = Annotated[
    list[str],
    typer.Option(
        "--queue",
        envvar="DEAD_QUEUES",
        metavar="NAME",
        help="A consumer's queue, or its dead queue; may be repeated."
        " AMQP cannot list queues, so they have to be named. DEAD_QUEUES: names between spaces.",
    ),
]
Exchange = Annotated[
    str, typer.Option(metavar="NAME", help="The exchange to which the relays publish.")
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Only these ids.")]
Type = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only events of this type.")
]
Reason = Annotated[
    str | None, typer.Option(metavar="WORD", help="Only those set aside for this reason.")
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Show at most so many.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def parse_sources(text: str, chosen: list[str] | None) -> list[Source]:
    """The sources that are meant: all, or the chosen ones."""
    try:
        sources = Source.parse_all(text)
    except ValueError as error:
        raise typer.BadParameter(f"RELAY_SOURCES (--sources): {error}") from error
    known = [source.name for source in sources]
    for name in chosen or ():
        if name not in known:
            raise typer.BadParameter(f"--source {name}: there are {', '.join(known)}")
    return [source for source in sources if not chosen or source.name in chosen]


def expect_choice(*, everything: bool, narrowed: bool) -> None:
    """A command that changes something has to be given `--all`, or something narrower."""
    if everything is narrowed:
        raise typer.BadParameter("say which: ids, --type or --reason; or --all, and no other")
