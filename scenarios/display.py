"""What a person sees: a line as each scenario ends, and a table of all."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scenarios.runner import Result
from stack.display import Spinner

PLAIN_WIDTH: Final = 100
"""Columns, where there is no terminal to ask."""


def console(*, stderr: bool = False) -> Console:
    """One that does not squeeze a table into 80 columns in a file or a pipe."""
    made = Console(highlight=False, stderr=stderr)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made


class Narrator(Spinner):
    """A line for each scenario that ended, with what happened; a spinner names the rest."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._under_way: list[str] = []

    def begun(self, name: str) -> None:
        self._under_way.append(name)
        self.show(", ".join(self._under_way))

    def ended(self, result: Result) -> None:
        self._under_way.remove(result.scenario)
        self.show(", ".join(self._under_way))
        mark = Text("  ok    ", "green") if result.ok else Text("  FAILED", "bold red")
        line = Text.assemble(mark, f" {result.scenario}", (f" · {result.happened}", "dim"))
        self._console.print(line, soft_wrap=not self._console.is_terminal)


def table(results: Iterable[Result]) -> Table:
    """A line a scenario where there are 100 columns; narrower, words wrap and none is cut."""
    made = Table(
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption="money, in cents: captured − gone back = kept",
        caption_justify="left",
    )
    made.add_column("scenario", no_wrap=True)
    made.add_column("final state", overflow="fold")
    made.add_column("money", no_wrap=True, justify="right")
    made.add_column("time", no_wrap=True, justify="right")
    for result in results:
        made.add_row(
            Text(result.scenario, "green" if result.ok else "bold red"),
            result.state if result.ok else Text(f"FAILED: {result.state}", "bold red"),
            _money(result),
            f"{result.seconds:.1f} s",
        )
    return made


def problems(results: Iterable[Result]) -> Iterable[str]:
    """What went wrong, a line each."""
    for result in results:
        for problem in result.problems:
            yield f"{result.scenario}: {problem}"


def _money(result: Result) -> str:
    money = result.money
    back = money["captured"] - money["kept"]
    return f"{money['captured']:,} − {back:,} = {money['kept']:,}"
