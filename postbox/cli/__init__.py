"""The operators' command line: look at what is pending or set aside, and act on it.

Guarantees that a command which changes something says what it will do, asks, and reports what was
done. Imports asyncapi, operations and what they import.
"""

import logging
from typing import Final

from postbox.extras import requires

with requires("cli"):
    import typer

    from postbox.asyncapi import command as asyncapi
    from postbox.cli import outbox, queue, relay, set_aside

app: Final = typer.Typer(
    help="For people on call: relay status, pending and parked rows, dead letters."
    " `postbox console` serves all of it as a web page."
    " Every command that changes something says what it will do, and asks."
    " Exit codes: 0 done and well; 1 nothing matched, not all done, or a problem found;"
    " 2 wrong usage; 3 a server is unavailable.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(relay.app, name="relay")
app.add_typer(outbox.app, name="outbox")
app.add_typer(set_aside.dead, name="dead")
app.add_typer(set_aside.unrouted, name="unrouted")
app.command()(queue.declare)
app.command("asyncapi")(asyncapi.command)


def main() -> None:
    """The entry point `postbox`."""
    # aiormq logs a connection that failed; our own line says it in a sentence.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    app(prog_name="postbox")
