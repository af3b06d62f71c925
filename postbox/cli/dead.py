"""`postbox dead`: messages that consumers set aside."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from postbox.cli.dead_letters import list_letters, selection, settle_letters, show_letter
from postbox.cli.options import All, Ids, Json, Limit, Queues, Rabbitmq, Reason, Type, Yes
from postbox.operations import DEAD_SUFFIX, Selection, redrive

app: Final = typer.Typer(help="Messages that consumers set aside.", no_args_is_help=True)


@app.command("list")
def list_(
    rabbitmq: Rabbitmq,
    queue: Queues,
    type_: Type = None,
    reason: Reason = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Dead letters with their reasons; they stay where they are. Exits with 1 if there is none."""
    wanted = Selection(type=type_, reason=reason)
    list_letters(rabbitmq, _dead(queue), wanted, limit=limit, as_json=as_json)


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID")], rabbitmq: Rabbitmq, queue: Queues
) -> None:
    """One dead letter whole, as JSON."""
    show_letter(rabbitmq, _dead(queue), id_)


@app.command("redrive")
def redrive_(
    rabbitmq: Rabbitmq,
    queue: Queues,
    ids: Ids = None,
    type_: Type = None,
    reason: Reason = None,
    everything: All = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Send dead letters again to the queue that they came from, as they were."""
    settle_letters(
        rabbitmq,
        _dead(queue),
        selection(ids, type_, reason, everything=everything),
        redrive.redrive,
        plan="dead letters to send again to the queue that each came from:",
        did="redriven",
        yes=yes,
        as_json=as_json,
    )


@app.command()
def drop(
    rabbitmq: Rabbitmq,
    queue: Queues,
    ids: Ids = None,
    type_: Type = None,
    reason: Reason = None,
    everything: All = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete dead letters. Their consumer will never have had these events."""
    settle_letters(
        rabbitmq,
        _dead(queue),
        selection(ids, type_, reason, everything=everything),
        redrive.drop,
        plan="dead letters to delete forever:",
        did="dropped",
        yes=yes,
        as_json=as_json,
    )


def _dead(queues: Sequence[str]) -> list[str]:
    """The dead queues, each once, whether they were named or their consumers' queues were."""
    return list(dict.fromkeys(f"{name.removesuffix(DEAD_SUFFIX)}{DEAD_SUFFIX}" for name in queues))
