"""A program's command line: `--help` lists the variables that it reads; an option sets one."""

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic.fields import FieldInfo

from postbox.service.settings import Settings

EVERYWHERE: Final = {
    "LOG_LEVEL": "DEBUG, INFO, WARNING, ERROR or CRITICAL. Default: INFO.",
    "OTEL_...": "The standard ones of OpenTelemetry; with none of them, nothing is exported.",
}
"""What every program reads besides its own variables."""


def read_arguments(
    program: str,
    kind: type[Settings],
    *,
    options: Mapping[str, str] | None = None,
    commands: Mapping[str, str] | None = None,
    arguments: Sequence[str] | None = None,
) -> None:
    """Print help and exit with 0 where it is asked for; exit with 2 for what is not understood.

    `options` are the flags that set a variable, such as `{"--shard": "RELAY_SHARD"}`; `commands`
    are other things that the program does, for its help alone. The process's own arguments are
    read where none are given.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=kind.__doc__,
        epilog="\n\n".join([*_commands(commands or {}), _variables(kind)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for flag, variable in (options or {}).items():
        parser.add_argument(flag, dest=variable, help=f"sets {variable}")
    for variable, value in vars(parser.parse_args(arguments)).items():
        if value is not None:
            os.environ[variable] = value


def _commands(commands: Mapping[str, str]) -> list[str]:
    if not commands:
        return []
    return ["\n".join(["commands:", *(f"  {name:21} {text}" for name, text in commands.items())])]


def _variables(kind: type[Settings]) -> str:
    said = {name.upper(): _said(field) for name, field in kind.model_fields.items()} | EVERYWHERE
    return "\n".join(
        ["environment variables:", *(f"  {name:21} {text}" for name, text in said.items())]
    )


def _said(field: FieldInfo) -> str:
    if field.is_required():
        default = "Required."
    else:
        default = "Not set by default." if field.default is None else f"Default: {field.default}."
    return " ".join([*(field.description or "").split(), default])
