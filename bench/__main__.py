"""`python -m bench`: measure everything, print the table, put it on record.

`--peers` measures the same bookings on other engines beside ours instead. On record is
bench/results/latest.json (peers.json), and the table and the picture in docs/performance.md. Exits
with 1 where something broke, such as a lost event; a target that is missed is only shown.
"""

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.errors import BenchFailed
from bench.peers.measure import run as run_peers
from bench.report import peers as peers_table
from bench.report import picture, results, table, waterfall
from bench.run import MEASUREMENTS, run
from bench.scale import FULL, QUICK, TINY, Scale
from bench.scaling import __main__ as scaling
from bench.workbench import Figures, Report
from postbox.errors import PostboxError
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
    peers: Annotated[
        bool, typer.Option("--peers", help="The same bookings on Restate and DBOS beside ours.")
    ] = False,
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
    if peers and only:
        raise typer.BadParameter("--peers goes without --only")
    ensure_mongod()
    ensure_rabbitmq()
    is_record = output is None and not only and size == FULL.name
    if peers:
        _measure_peers(SCALES[size], output, is_record=is_record)
        return
    figures, about = uvloop.run(run(SCALES[size], names, _say()))
    about["command"] = _command()
    _show(figures)
    _write(results.LATEST if is_record else output, figures, about)
    if is_record:
        results.write_page(figures, about)
        picture.main([])
        scaling.main([])


def _measure_peers(scale: Scale, output: Path | None, *, is_record: bool) -> None:
    figures, about = uvloop.run(run_peers(scale, _say()))
    about["command"] = _command()
    _print(peers_table.headings(figures), peers_table.lines(figures))
    for sentence in peers_table.left_out(about):
        console.print(sentence, soft_wrap=True)
    _write(results.PEERS if is_record else output, figures, about)
    if is_record:
        results.write_peers(figures, about)


def _command() -> str:
    return " ".join(["python -m bench", *sys.argv[1:]])


def _write(path: Path | None, figures: Figures, about: Mapping[str, Any]) -> None:
    if path is not None:
        results.write(path, figures, about)
        console.print(f"written to {path} after {about['seconds']} s", soft_wrap=True)


def _say() -> Report:
    began_s = time.monotonic()
    return lambda text: console.print(f"{time.monotonic() - began_s:6.1f} s  {text}")


def _show(figures: Figures) -> None:
    rows = list(table.lines(figures))
    if rows:
        _print(table.HEADINGS, rows)
    for line in waterfall.lines(figures):
        _wide().print(line)


def _print(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    shown = Table(*headings)
    for cells in rows:
        shown.add_row(*cells)
    _wide().print(shown)


def _wide() -> Console:
    return console if console.width >= TABLE_WIDTH_MIN else Console(width=TABLE_WIDTH_MIN)


def main() -> None:
    try:
        app(prog_name="python -m bench")
    except (BenchFailed, PostboxError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
