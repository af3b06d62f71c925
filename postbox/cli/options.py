"""The options that several commands share, and the variables that may stand for them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from postbox.events import cloudevents
from postbox.outbox import Fields, Source
from postbox.rabbitmq import STRUCTURED, ContentMode

Sources = Annotated[
    str,
    typer.Option(
        "--sources",
        envvar="RELAY_SOURCES",
        metavar="NAME=URI,...",
        help="The outboxes: name=mongodb://host/database,...; or name:collection=mongodb://...",
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
        help="A consumer's queue, or its dead queue; QUEUE=DEAD where that is not QUEUE.dead;"
        " may be repeated."
        " AMQP cannot list queues, so they have to be named. DEAD_QUEUES: names between spaces.",
    ),
]
Exchange = Annotated[
    str, typer.Option(metavar="NAME", help="The exchange to which the relays publish.")
]
Content = Annotated[
    str,
    typer.Option(
        "--content-mode",
        envvar="RELAY_CONTENT_MODE",
        metavar="structured|binary",
        help="As the relays have it.",
    ),
]
Prefix = Annotated[
    str,
    typer.Option(
        "--binary-prefix",
        envvar="RELAY_BINARY_PREFIX",
        metavar="ce-|cloudEvents_",
        help="As the relays have it.",
    ),
]
RowFields = Annotated[
    str,
    typer.Option(
        "--fields", envvar="RELAY_FIELDS", metavar="NAME=FIELD,...", help="As the relays have it."
    ),
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

_AGO: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


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


def parse_content_mode(mode: str, prefix: str) -> ContentMode:
    """What the relays' two variables say."""
    if mode not in ("structured", "binary"):
        raise typer.BadParameter(f"RELAY_CONTENT_MODE (--content-mode): {mode!r}")
    if prefix not in cloudevents.WRITTEN_PREFIXES:
        raise typer.BadParameter(f"RELAY_BINARY_PREFIX (--binary-prefix): {prefix!r}")
    return ContentMode(prefix) if mode == "binary" else STRUCTURED


def parse_fields(text: str) -> Fields:
    """The fields of rows of another shape."""
    try:
        return Fields.parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"RELAY_FIELDS (--fields): {error}") from error


def expect_choice(*, everything: bool, narrowed: bool) -> None:
    """A command that changes something has to be given `--all`, or something narrower."""
    if everything is narrowed:
        raise typer.BadParameter("say which: ids, --type or --reason; or --all, and no other")


def moment(text: str, *, now: datetime) -> datetime:
    """`30s`, `90m`, `2h`, `3d` before `now`, or ISO 8601, which is UTC where it does not say."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no time: write 90m, 2h, 3d or 2026-11-22T10:00:00Z"
        ) from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
