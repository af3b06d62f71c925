"""Where results go: a JSON file for programs, and the table in the documentation for people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.report import table
from bench.workbench import Figures

ROOT: Final = Path(__file__).resolve().parents[2]
LATEST: Final = ROOT / "bench" / "results" / "latest.json"
PAGE: Final = ROOT / "docs" / "performance.md"
BEGIN: Final = "<!-- written by `python -m bench`: begin -->"
END: Final = "<!-- end -->"
DIGITS: Final = 4


def write(path: Path, figures: Figures, about: Mapping[str, Any]) -> None:
    """One object: the figures by their keys, and what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {key: round(value, DIGITS) for key, value in sorted(figures.items())}
    path.write_text(json.dumps({**about, **rounded}, indent=2, ensure_ascii=False) + "\n")


def write_page(figures: Figures, about: Mapping[str, Any], *, page: Path = PAGE) -> None:
    """Put the table between the page's two marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{_markdown(figures, about)}\n{END}{after}")


def _markdown(figures: Figures, about: Mapping[str, Any]) -> str:
    machine, versions = about["machine"], about["versions"]
    where = (
        f"Measured on {about['date']} with `{about['command']}`: {machine['cores']} cores of"
        f" {machine['cpu']}, {machine['memory_mb']:,} MB of memory, {machine['kernel']}; Python"
        f" {versions['python']}, MongoDB {versions['mongodb']}, RabbitMQ {versions['rabbitmq']};"
        f" the load of the machine before was {machine['load_before']}."
    )
    cells = [table.HEADINGS, ("---",) * len(table.HEADINGS), *table.lines(figures)]
    rows = "\n".join("| " + " | ".join(row) + " |" for row in cells)
    return f"{where}\n\n{rows}\n"
