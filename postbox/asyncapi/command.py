"""`postbox asyncapi`: print the document, or say whether a file is up to date."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from postbox.asyncapi.document import asyncapi
from postbox.asyncapi.found import event_classes
from postbox.errors import DeclarationError
from postbox.rabbitmq import Topology


def command(
    topology: Annotated[
        str,
        typer.Argument(metavar="MODULE:NAME", help="The topology, such as shop.queues:TOPOLOGY."),
    ],
    modules: Annotated[
        list[str], typer.Argument(metavar="MODULE...", help="The modules of the event classes.")
    ],
    title: Annotated[str, typer.Option(help="What the document is about.")] = "Events",
    version: Annotated[str, typer.Option(help="The document's own version.")] = "1.0.0",
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Exit with 1 where FILE is out of date.")
    ] = None,
) -> None:
    """Print the AsyncAPI 3.0 document of a topology and its event classes."""
    sys.path.insert(0, "")
    found = _imported(topology)
    classes = [cls for module in modules for cls in event_classes(import_module(module))]
    try:
        document = asyncapi(found, classes, title=title, version=version)
    except DeclarationError as error:
        raise typer.BadParameter(str(error)) from error
    text = as_text(document)
    if check is None:
        typer.echo(text, nl=False)
    elif not check.exists() or check.read_text(encoding="utf-8") != text:
        typer.echo(f"{check} is out of date", err=True)
        raise typer.Exit(1)


def as_text(document: dict[str, Any]) -> str:
    """The document as it is kept in a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _imported(name: str) -> Topology:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise typer.BadParameter(f"{name}: {error}") from error
    if not isinstance(found, Topology):
        raise typer.BadParameter(f"{name} is no Topology")
    return found
