"""`python -m bench`: measure everything, print the table, put it on record.

On record is bench/results/latest.json, and the table and the picture in docs/performance.md. Exits
with 1 where something broke, such as a lost event; a target that is missed is only shown.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.errors import BenchFailed
from bench.report import picture, results, table
from bench.run import MEASUREMENTS, run
from bench.scale import FULL, QUICK, TINY
from bench.workbench import Figures
from postbox.errors import PostboxError
from stack.errors import StackError
from stack.servers.mongod import ensure_mongod
from stack.servers.rabbitmq import ensure_rabbitmq

SCALES: Final = {scale.name: scale for scale in (FULL, QUICK, TINY)}
EXIT_FAILED: Final = 1
TABLE_WIDTH_MIN: Final = 120

console: Final = Console(highlight=False)
app: Final = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(help="Measure, each figure beside a limit of the same servers in the same run.")
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="In under a minute, for CI.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(MEASUREMENTS)}; repeatable.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(SCALES)}.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Write the JSON there; only a whole run at full scale goes on record."),
    ] = None,
) -> None:
    names = tuple(only or MEASUREMENTS)
    size = scale or (QUICK.name if quick else FULL.name)
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        raise typer.BadParameter(f"--only: there is no {', '.join(unknown)}")
    if size not in SCALES:
        raise typer.BadParameter(f"--scale: there is no {size}")
    ensure_mongod()
    ensure_rabbitmq()
    figures, about = uvloop.run(run(SCALES[size], names, _say()))
    about["command"] = " ".join(["python -m bench", *sys.argv[1:]])
    _show(figures)
    is_record = output is None and not only and size == FULL.name
    path = results.LATEST if is_record else output
    if path is not None:
        results.write(path, figures, about)
        console.print(f"written to {path} after {about['seconds']} s", soft_wrap=True)
    if is_record:
        results.write_page(figures, about)
        picture.main([])


def _say() -> Callable[[str], None]:
    began_s = time.monotonic()
    return lambda text: console.print(f"{time.monotonic() - began_s:6.1f} s  {text}")


def _show(figures: Figures) -> None:
    shown = Table(*table.HEADINGS)
    for cells in table.lines(figures):
        shown.add_row(*cells)
    wide = console if console.width >= TABLE_WIDTH_MIN else Console(width=TABLE_WIDTH_MIN)
    wide.print(shown)


def main() -> None:
    try:
        app(prog_name="python -m bench")
    except (BenchFailed, StackError, PostboxError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
