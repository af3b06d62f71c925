"""How a command ends: its exit code, and one clear line where something is wrong."""

import asyncio
import sys
from collections.abc import Coroutine
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import typer
from pymongo.errors import PyMongoError

from postbox.errors import ConfigurationError, SchemaMismatch, TopologyMismatch, TryAgain
from postbox.operations import NoSuchQueue

T = TypeVar("T")
LINE_CHARS_MAX = 400
"""Drivers' errors can be pages long."""


class ExitCode(IntEnum):
    """What scripts may rely on."""

    DONE = 0  # done; or looked, and all is well
    NOT_SO = 1  # nothing matched, not all was done, or a problem was found
    USAGE = 2  # wrong options, or a variable is missing or wrong
    UNAVAILABLE = 3  # a server is unavailable, or refused us


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; what it may meet ends the command with its exit code."""
    try:
        return asyncio.run(work)
    except (ConfigurationError, NoSuchQueue, SchemaMismatch, TopologyMismatch) as error:
        end(ExitCode.USAGE, str(error))
    except (TryAgain, PyMongoError) as error:
        end(ExitCode.UNAVAILABLE, str(error))


def end(code: ExitCode, line: str | None = None) -> NoReturn:
    """End the command, saying why."""
    if line is not None:
        say(line if len(line) <= LINE_CHARS_MAX else f"{line[:LINE_CHARS_MAX]} ...")
    raise typer.Exit(code)


def say(line: str) -> None:
    """To a person: standard output is for results alone."""
    print(line, file=sys.stderr, flush=True)


def agree(plan: str, *, yes: bool) -> None:
    """Say what will be done and ask; no, or no answer, ends the command."""
    say(plan)
    if yes:
        return
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        end(ExitCode.NOT_SO, "nothing was done")
