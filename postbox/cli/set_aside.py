"""`postbox dead` and `postbox unrouted`: messages that wait for a person, in queues of their own.

A dead letter is redriven to the queue that it came from, an unrouted event to its exchange.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

import typer

from postbox.cli.options import All, Exchange, Ids, Json, Limit, Queues, Rabbitmq, Reason, Type, Yes
from postbox.cli.settling import list_messages, selection, settle_messages, show_message
from postbox.operations import Selection, redrive
from postbox.rabbitmq import EXCHANGE, Topology
from postbox.rabbitmq.dead_letter import DEAD_SUFFIX

dead: Final = typer.Typer(help="Messages that consumers set aside.", no_args_is_help=True)


@dead.command("list")
def list_dead(
    rabbitmq: Rabbitmq,
    queue: Queues,
    type_: Type = None,
    reason: Reason = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Dead letters with their reasons; they stay where they are. Exits with 1 if there is none."""
    wanted = Selection(type=type_, reason=reason)
    list_messages(rabbitmq, _dead_queues(queue), wanted, limit=limit, as_json=as_json)


@dead.command("show")
def show_dead(
    id_: Annotated[str, typer.Argument(metavar="ID")], rabbitmq: Rabbitmq, queue: Queues
) -> None:
    """One dead letter whole, as JSON."""
    show_message(rabbitmq, _dead_queues(queue), id_)


@dead.command("redrive")
def redrive_dead(
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
    settle_messages(
        rabbitmq,
        _dead_queues(queue),
        selection(ids, type_, reason, everything=everything),
        redrive.redrive,
        plan="dead letters to send again to the queue that each came from:",
        did="redriven",
        yes=yes,
        as_json=as_json,
    )


@dead.command("drop")
def drop_dead(
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
    settle_messages(
        rabbitmq,
        _dead_queues(queue),
        selection(ids, type_, reason, everything=everything),
        redrive.drop,
        plan="dead letters to delete forever:",
        did="dropped",
        yes=yes,
        as_json=as_json,
    )


def _dead_queues(queues: Sequence[str]) -> list[str]:
    """The dead queues, each once, whether they were named or their consumers' queues were."""
    return list(dict.fromkeys(_dead_queue(name) for name in queues))


def _dead_queue(name: str) -> str:
    _, has_own, own = name.partition("=")
    return own if has_own else f"{name.removesuffix(DEAD_SUFFIX)}{DEAD_SUFFIX}"


unrouted: Final = typer.Typer(help="Events that no queue wanted.", no_args_is_help=True)


@unrouted.command("list")
def list_unrouted(
    rabbitmq: Rabbitmq,
    type_: Type = None,
    exchange: Exchange = EXCHANGE,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Events that no queue wanted; they stay where they are. Exits with 1 if there is none."""
    wanted = Selection(type=type_)
    list_messages(rabbitmq, [_unrouted_queue(exchange)], wanted, limit=limit, as_json=as_json)


@unrouted.command("redrive")
def redrive_unrouted(
    rabbitmq: Rabbitmq,
    ids: Ids = None,
    type_: Type = None,
    everything: All = False,
    exchange: Exchange = EXCHANGE,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Publish them again, once the binding stands. What still has no queue comes back here."""
    settle_messages(
        rabbitmq,
        [_unrouted_queue(exchange)],
        selection(ids, type_, None, everything=everything),
        partial(redrive.redrive, exchange=exchange),
        plan=f"events to publish again to the exchange {exchange!r}:",
        did="redriven",
        yes=yes,
        as_json=as_json,
    )


@unrouted.command("drop")
def drop_unrouted(
    rabbitmq: Rabbitmq,
    ids: Ids = None,
    type_: Type = None,
    everything: All = False,
    exchange: Exchange = EXCHANGE,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete them. No consumer will ever have had these events."""
    settle_messages(
        rabbitmq,
        [_unrouted_queue(exchange)],
        selection(ids, type_, None, everything=everything),
        redrive.drop,
        plan="events to delete forever:",
        did="dropped",
        yes=yes,
        as_json=as_json,
    )


def _unrouted_queue(exchange: str) -> str:
    return Topology(exchange=exchange, queues={}).unrouted
