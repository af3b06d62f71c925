"""`postbox declare`: a queue for a consumer that declares none, in whatever language it is."""

from typing import Annotated

import typer

from postbox.cli.options import Exchange, Rabbitmq
from postbox.cli.outcome import run
from postbox.rabbitmq import EXCHANGE, Topology, broker_errors, connected


def declare(
    queue: Annotated[str, typer.Argument(metavar="QUEUE")],
    types: Annotated[
        list[str], typer.Argument(metavar="TYPE...", help="Event types; * is a word, # any number.")
    ],
    rabbitmq: Rabbitmq,
    exchange: Exchange = EXCHANGE,
) -> None:
    """Declare a queue for events of these types, and what it needs. Safe to repeat.

    It is durable and replicated; what its consumer rejects lies in QUEUE.dead. Types that are bound
    already stay so.
    """
    run(_declare(rabbitmq, Topology(exchange=exchange, queues={queue: types})))


async def _declare(uri: str, topology: Topology) -> None:
    async with connected(uri, name="postbox declare") as connection:
        with broker_errors("declaring"):
            await topology.declare(await connection.channel())
