"""`postbox unrouted`: events that no queue wanted when they were published."""

from functools import partial
from typing import Final

import typer

from postbox.cli.dead_letters import list_letters, selection, settle_letters
from postbox.cli.options import All, Exchange, Ids, Json, Limit, Rabbitmq, Type, Yes
from postbox.operations import Selection, redrive
from postbox.rabbitmq import EXCHANGE, Topology

app: Final = typer.Typer(help="Events that no queue wanted.", no_args_is_help=True)


@app.command("list")
def list_(
    rabbitmq: Rabbitmq,
    type_: Type = None,
    exchange: Exchange = EXCHANGE,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Events that no queue wanted; they stay where they are. Exits with 1 if there is none."""
    wanted = Selection(type=type_)
    list_letters(rabbitmq, [_queue(exchange)], wanted, limit=limit, as_json=as_json)


@app.command("redrive")
def redrive_(
    rabbitmq: Rabbitmq,
    ids: Ids = None,
    type_: Type = None,
    everything: All = False,
    exchange: Exchange = EXCHANGE,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Publish them again, once the binding stands. What still has no queue comes back here."""
    settle_letters(
        rabbitmq,
        [_queue(exchange)],
        selection(ids, type_, None, everything=everything),
        partial(redrive.redrive, exchange=exchange),
        plan=f"events to publish again to the exchange {exchange!r}:",
        did="redriven",
        yes=yes,
        as_json=as_json,
    )


@app.command()
def drop(
    rabbitmq: Rabbitmq,
    ids: Ids = None,
    type_: Type = None,
    everything: All = False,
    exchange: Exchange = EXCHANGE,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete them. No consumer will ever have had these events."""
    settle_letters(
        rabbitmq,
        [_queue(exchange)],
        selection(ids, type_, None, everything=everything),
        redrive.drop,
        plan="events to delete forever:",
        did="dropped",
        yes=yes,
        as_json=as_json,
    )


def _queue(exchange: str) -> str:
    return Topology(exchange=exchange, queues={}).unrouted
