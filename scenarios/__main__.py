"""The stories on the command line: `python -m scenarios demo`."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Collection, Coroutine, Mapping
from time import monotonic
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from scenarios import target_stack
from scenarios.checker import check
from scenarios.display import Narrator, console, problems, table
from scenarios.registry import SCENARIOS, Scenario
from scenarios.runner import Progress, Result, run_all
from scenarios.tracing.otlp import Receiver
from scenarios.tracing.trace import Traces, tree
from stack.errors import EmbeddedError, StackError
from stack.running import RunningStack

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130
Auth = Annotated[bool, typer.Option("--auth", help="With a gateway that asks for tokens.")]

app: Final = typer.Typer(
    help="Stories that show, and check, what the whole system does: payments that come first,"
    " twice or too late, programs that are killed, messages that nobody can read.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("list")
def list_() -> None:
    """Name every scenario, with what it is about."""
    for scenario in SCENARIOS.values():
        print(f"{scenario.name:<31}{scenario.about}")


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="See `list`.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs to read.")] = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Print each flow's spans as a tree; on a private stack.")
    ] = False,
    auth: Auth = False,
) -> None:
    """Play scenarios on the stack that is up (STACK_JSON, else .local), else on a private one.

    Those that wait for a deadline need a stack with short time limits, as
    `PAYMENT_TIMEOUT_S=5 make up` makes it; on another they fail and say so. Exits with 1 where one
    fails.
    """
    chosen = [_scenario(name) for name in dict.fromkeys(names)]
    out = console(stderr=as_json)
    env = _environment(auth=auth)

    async def main() -> int:
        stack = None if trace else target_stack.running(os.environ.get("STACK_JSON"))
        if trace:
            results = await _play_traced(chosen, out, env)
        elif stack is not None:
            if auth and stack.info.gateway.auth != "jwt":
                raise StackError(
                    "this stack asks for no tokens: it needs `GATEWAY_AUTH=jwt make up`"
                )
            out.print(f"playing on the stack of {stack.layout.directory}", soft_wrap=True)
            results = await _play(chosen, stack, out)
        else:
            out.print("no stack is up: bringing up a private one")
            async with target_stack.private(out, env=env) as stack:
                results = await _play(chosen, stack, out)
        if as_json:
            print(json.dumps([result.to_json() for result in results], indent=2))
        else:
            _show(results, out)
        return 0 if all(result.ok for result in results) else EXIT_FAILED

    raise typer.Exit(_run(main()))


@app.command()
def demo(auth: Auth = False) -> None:
    """Play every scenario on a private stack, then check every invariant over all of it.

    Takes less than a minute. Nothing is left running. Exits with 1 where anything fails.
    """
    out = console()

    async def main() -> int:
        began = monotonic()
        async with target_stack.private(out, env=_environment(auth=auth)) as stack:
            results = await _play(SCENARIOS.values(), stack, out)
            report = await check(stack)
        _show(results, out)
        out.print(str(report), soft_wrap=True, markup=False)
        count = sum(result.ok for result in results)
        out.print(f"{count} of {len(results)} scenarios went well, {monotonic() - began:.0f} s.")
        return 0 if report.ok and count == len(results) else EXIT_FAILED

    raise typer.Exit(_run(main()))


def _environment(*, auth: bool) -> Mapping[str, str]:
    """Of a private stack's programs."""
    return target_stack.WITH_TOKENS if auth else {}


def _scenario(name: str) -> Scenario:
    if name not in SCENARIOS:
        raise typer.BadParameter(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    return SCENARIOS[name]


async def _play(chosen: Collection[Scenario], stack: RunningStack, out: Console) -> list[Result]:
    with Narrator(out) as narrator:
        return await run_all(chosen, stack, Progress(begun=narrator.begun, ended=narrator.ended))


async def _play_traced(
    chosen: Collection[Scenario], out: Console, env: Mapping[str, str]
) -> list[Result]:
    """On a private stack, for one that is up sends its spans elsewhere, or nowhere."""
    async with Receiver() as receiver:
        async with target_stack.private(out, env={**env, **receiver.environment}) as stack:
            results = await _play(chosen, stack, out)
        traces = Traces(receiver.spans)  # the programs sent all they had when they ended
    for result in results:
        for intent_id in result.outcomes:
            out.print(tree(traces, intent_id))
    return results


def _show(results: list[Result], out: Console) -> None:
    out.print(table(results))
    for line in problems(results):
        out.print(line, style="red", markup=False, soft_wrap=True)


def _run(main: Coroutine[Any, Any, int]) -> int:
    """Runs it; Ctrl-C, SIGTERM and a closed terminal cancel it, so that it cleans up and ends."""

    async def cancellable() -> int:
        task = asyncio.ensure_future(main)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return EXIT_INTERRUPTED

    return asyncio.run(cancellable())


if __name__ == "__main__":
    try:
        app(prog_name="python -m scenarios")
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_FAILED)
