"""Where results go: a JSON file for programs, and the table in the documentation for people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.report import peers, table
from bench.workbench import Figures

ROOT: Final = Path(__file__).resolve().parents[2]
LATEST: Final = ROOT / "bench" / "results" / "latest.json"
PEERS: Final = ROOT / "bench" / "results" / "peers.json"
PAGE: Final = ROOT / "docs" / "performance.md"
BEGIN: Final = "<!-- written by `python -m bench`: begin -->"
BEGIN_PEERS: Final = "<!-- written by `python -m bench --peers`: begin -->"
END: Final = "<!-- end -->"
DIGITS: Final = 4


def write(path: Path, figures: Figures, about: Mapping[str, Any]) -> None:
    """One object: the figures by their keys, and what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {key: round(value, DIGITS) for key, value in sorted(figures.items())}
    path.write_text(json.dumps({**about, **rounded}, indent=2, ensure_ascii=False) + "\n")


def write_page(figures: Figures, about: Mapping[str, Any], *, page: Path = PAGE) -> None:
    """Put the table between the page's two marks."""
    versions = about["versions"]
    servers = (
        f"Python {versions['python']}, MongoDB {versions['mongodb']},"
        f" RabbitMQ {versions['rabbitmq']}"
    )
    rows = _markdown(table.HEADINGS, table.lines(figures))
    _put(page, BEGIN, f"{_where(about, servers)}\n\n{rows}")


def write_peers(figures: Figures, about: Mapping[str, Any], *, page: Path = PAGE) -> None:
    """The same with the table of the peers."""
    servers = ", ".join(about["versions"].values())
    rows = _markdown(peers.headings(figures), peers.lines(figures))
    text = "\n\n".join([_where(about, servers), rows, *peers.left_out(about)])
    _put(page, BEGIN_PEERS, text)


def _put(page: Path, begin: str, text: str) -> None:
    page.write_text(replace_between(page.read_text(), begin, text))


def replace_between(page: str, begin: str, text: str) -> str:
    """The page with `text` between the mark `begin` and the next end."""
    before, _, rest = page.partition(begin)
    after = rest.partition(END)[2]
    return f"{before}{begin}\n\n{text}\n\n{END}{after}"


def _where(about: Mapping[str, Any], servers: str) -> str:
    machine = about["machine"]
    return (
        f"Measured on {about['date']} with `{about['command']}`: {machine['cores']} cores of"
        f" {machine['cpu']}, {machine['memory_mb']:,} MB of memory, {machine['kernel']}; {servers};"
        f" the load of the machine before was {machine['load_before']}."
    )


def _markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    cells = [headings, ("---",) * len(headings), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)
