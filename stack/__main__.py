"""The embedded stack on the command line: `python -m stack up`."""

import asyncio
import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from stack.display import show
from stack.errors import EmbeddedError, NotRunning
from stack.layout import Layout
from stack.running import RunningStack
from stack.servers.mongod import ensure_mongod
from stack.servers.rabbitmq import ensure_rabbitmq
from stack.status import State, states
from stack.supervision import background, foreground, lock
from stack.tokens import OPERATE, Tokens

EXIT_FAILED: Final = 1
EXIT_NOT_RUNNING: Final = 3
HERE: Final = Path(".local")

console: Final = Console(highlight=False)
app: Final = typer.Typer(
    help="A private MongoDB, a private RabbitMQ, a payment provider and the four programs,"
    " on loopback, kept alive.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
Directory = Annotated[
    Path, typer.Option("--dir", help="Where the stack keeps its data, its logs and stack.json.")
]


@app.command()
def up(
    directory: Directory = HERE,
    detach: Annotated[
        bool, typer.Option(background.DETACH, help="Return when all is ready; `down` ends it.")
    ] = False,
) -> None:
    """Bring the stack up and keep it up until Ctrl-C."""
    stack = RunningStack(directory)
    supervisor = lock.holder(stack.layout)
    if supervisor is not None:
        _say_that_it_runs(stack, supervisor)
        return
    setup()
    if detach:
        background.start(directory, console)
    else:
        raise typer.Exit(foreground.keep_up(directory, console))


@app.command()
def down(directory: Directory = HERE) -> None:
    """End the stack and wait until nothing of it runs. Its data stays."""
    layout = RunningStack(directory).layout
    if background.end(layout):
        console.print("The stack is down; nothing of it runs, its data is kept.")
    else:
        console.print(f"No stack is up in {layout.directory}.", soft_wrap=True)


@app.command()
def status(
    directory: Directory = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="For programs to read.")] = False,
) -> None:
    """Say what runs and whether it is ready. Exits with 3 where no stack is up."""
    stack = RunningStack(directory)
    running = lock.holder(stack.layout) is not None
    found = asyncio.run(states(stack)) if running else {}
    if as_json:
        programs = {name: state.model_dump() for name, state in found.items()}
        print(json.dumps({"running": running, "programs": programs}, indent=2))
    elif running:
        _show_states(found)
    else:
        console.print(f"No stack is up in {stack.layout.directory}.", soft_wrap=True)
    raise typer.Exit(0 if running else EXIT_NOT_RUNNING)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(help="The command, after `--`.")],
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Keep data and logs here, else nowhere.")
    ] = None,
) -> None:
    """Bring a stack up, run COMMAND with STACK_JSON in its environment, bring the stack down."""
    setup()
    if directory is not None:
        raise typer.Exit(foreground.around(command, directory, console))
    with tempfile.TemporaryDirectory(prefix="postbox-") as folder:
        code = foreground.around(command, Path(folder), console)
    raise typer.Exit(code)


@app.command()
def token(
    user: Annotated[str, typer.Option(help="Whose: the subject.")],
    directory: Directory = HERE,
    operate: Annotated[bool, typer.Option("--operate", help="May act for all users.")] = False,
    hours: Annotated[float, typer.Option(help="How long it is good.")] = 1.0,
) -> None:
    """Print a token for the gateway of a stack that was brought up with GATEWAY_AUTH=jwt."""
    scope = OPERATE if operate else None
    print(Tokens(Layout(directory)).mint(user, scope=scope, lifetime=timedelta(hours=hours)))


@app.command("setup")
def setup() -> None:
    """Find mongod and RabbitMQ; install what is missing where that is possible."""
    ensure_mongod()
    ensure_rabbitmq()


def _say_that_it_runs(stack: RunningStack, supervisor: int) -> None:
    console.print(
        f"A stack is up already in {stack.layout.directory}, kept by process {supervisor};"
        " it was left as it is.\n",
        soft_wrap=True,
    )
    try:
        show(console, stack)
    except NotRunning:
        console.print("It is starting, or ending, just now.")


def _show_states(found: dict[str, State]) -> None:
    for name, state in found.items():
        pid = "-" if state.pid is None else state.pid
        words = "ready" if state.lacks is None else state.lacks
        console.print(
            f"  {name:<10} {state.address}  pid {pid}  {words}", soft_wrap=True, markup=False
        )


def main() -> None:
    try:
        app(prog_name="python -m stack")
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
