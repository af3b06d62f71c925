"""What a person sees: a line as each scenario ends, and a table of all."""

from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from scenarios.runner import Result

PLAIN_WIDTH: Final = 150
"""Columns, where there is no terminal to ask."""


def console(*, stderr: bool = False) -> Console:
    """One that does not squeeze a table into 80 columns in a file or a pipe."""
    made = Console(highlight=False, stderr=stderr)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made


class Narrator:
    """A line for each scenario that ended; on a terminal, a spinner names those under way."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._under_way: list[str] = []
        self._status = Status("", console=console)

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status.stop()

    def begun(self, name: str) -> None:
        self._under_way.append(name)
        self._status.update(", ".join(self._under_way))

    def ended(self, result: Result) -> None:
        self._under_way.remove(result.scenario)
        self._status.update(", ".join(self._under_way))
        mark = Text("  ok    ", "green") if result.ok else Text("  FAILED", "bold red")
        self._console.print(mark, f"{result.scenario:<31}{result.seconds:>5.1f} s")


def table(results: Iterable[Result]) -> Table:
    made = Table(
        expand=True,
        show_lines=True,
        caption="events: “booking.” is left out of their names · "
        "money, in cents: captured − refunded = kept",
    )
    made.add_column("scenario", no_wrap=True)
    made.add_column("what happened", ratio=3)
    made.add_column("final state", ratio=2)
    made.add_column("events", ratio=5)
    made.add_column("money", no_wrap=True, justify="right")
    made.add_column("time", no_wrap=True, justify="right")
    for result in results:
        made.add_row(
            Text(result.scenario, "green" if result.ok else "bold red"),
            result.happened if result.ok else Text("FAILED", "bold red"),
            result.state,
            _events(result),
            _money(result),
            f"{result.seconds:.1f} s",
        )
    return made


def problems(results: Iterable[Result]) -> Iterable[str]:
    """What went wrong, a line each."""
    for result in results:
        for problem in result.problems:
            yield f"{result.scenario}: {problem}"


def _events(result: Result) -> str:
    """Those of bookings that went alike are listed once."""
    alike: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for outcome in result.outcomes.values():
        alike.setdefault(tuple(sorted(outcome.events)), []).append(outcome.events)
    return "\n".join(
        f"{f'{len(orders)} × ' if len(result.outcomes) > 1 else ''}{_line(orders)}"
        for orders in alike.values()
    )


def _line(orders: list[tuple[str, ...]]) -> str:
    [(order, _)] = Counter(orders).most_common(1)
    return ", ".join(event.removeprefix("booking.") for event in order)


def _money(result: Result) -> str:
    money = result.money
    return f"{money['captured']:,} − {money['refunded']:,} = {money['kept']:,}"
