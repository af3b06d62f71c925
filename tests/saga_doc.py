"""`python -m tests.saga_doc [--check]`: keeps docs/saga.md equal to the services' tables.

The prose is written by hand; what stands between the marks is drawn from the tables, and --check
exits 1 where it drifted.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from contracts.events import Event
from contracts.money import STATUSES, PaymentStatus
from contracts.values import Reason
from services.booking.rules import table as booking
from services.booking.rules.state import BookingState
from services.payment.rules import table as payment
from services.payment.rules.state import CaptureState, DisputeStatus, RefundStatus

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "saga.md"
_SECTION: Final = re.compile(
    r"(?P<open><!-- drawn: (?P<name>[a-z-]+) -->\n).*?(?P<close><!-- /drawn -->)", re.DOTALL
)
_STATE_NOT_STORED: Final = "none"


class Rule(Protocol):
    """What a booking's rule and a payment's rule share."""

    @property
    def when(self) -> StrEnum: ...
    @property
    def outcome(self) -> StrEnum: ...
    @property
    def to(self) -> StrEnum | None: ...
    @property
    def emits(self) -> type[Event] | None: ...
    @property
    def reason(self) -> Reason | None: ...


Cells = Mapping[StrEnum, Mapping[str, Iterable[Rule]]]


def name(input_type: type) -> str:
    """An event goes by its type; an input that is not on the wire by its words, in italics."""
    if issubclass(input_type, Event):
        return f"`{input_type.TYPE}`"
    return "*" + re.sub(r"(?<!^)(?=[A-Z])", " ", input_type.__name__).lower() + "*"


def rule_text(rule: Rule) -> str:
    when = "" if rule.when == "always" else f"{rule.when}: "
    to = f"→ **{rule.to}** " if rule.to else ""
    reported = [f"{when}{to}`{rule.outcome}`"]
    if rule.emits:
        reported.append(f"emit {rule.emits.TYPE}" + (f"({rule.reason})" if rule.reason else ""))
    if isinstance(rule, booking.Rule):
        reported += [f"{rule.slot} the slot"] if rule.slot else []
        reported += [f"{rule.deadline} deadline"] if rule.deadline not in (None, "clear") else []
    return ", ".join(reported)


def table(cells: Cells) -> str:
    """A row a state, a column an input, a line a rule."""
    columns = list(dict.fromkeys(column for row in cells.values() for column in row))
    lines = [
        "| state ↓ / input → | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for state, row in cells.items():
        texts = ("<br>".join(map(rule_text, row.get(column, ()))) or "–" for column in columns)
        lines.append(f"| **{state}** | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def diagram(cells: Cells, finals: Iterable[StrEnum]) -> str:
    """A mermaid state diagram: an edge for each way from one state to another."""
    edges: dict[tuple[str, str], list[str]] = {}
    for state, row in cells.items():
        for column, rules in row.items():
            for rule in rules:
                if rule.to:
                    label = f"{column.strip('`*')} ({rule.outcome})"
                    edges.setdefault((state, rule.to), []).append(label)
    lines = ["```mermaid", "stateDiagram-v2"]
    for (start, end), labels in edges.items():
        begin = "[*]" if start == _STATE_NOT_STORED else start
        lines.append(f"    {begin} --> {end}: " + " or ".join(dict.fromkeys(labels)))
    return "\n".join([*lines, *(f"    {state} --> [*]" for state in finals), "```"])


def _booking_cells() -> Cells:
    cells: dict[StrEnum, dict[str, Iterable[Rule]]] = {state: {} for state in BookingState}
    for (state, input_type), rules in booking.TABLE.items():
        cells[state][name(input_type)] = rules
    return cells


def _named(cells: Mapping[Any, Mapping[Any, Iterable[Rule]]]) -> Cells:
    """Any, because a mapping is invariant in its keys: here are several enums and unions."""
    return {
        state: {name(input_type): rules for input_type, rules in row.items()}
        for state, row in cells.items()
    }


def _reported(cells: Mapping[Any, Mapping[Any, Iterable[Rule]]]) -> Cells:
    """A table whose columns are what is reported."""
    return {
        state: {f"*{reported}*": rules for reported, rules in row.items()}
        for state, row in cells.items()
    }


def statuses() -> str:
    """A payment's status: the first whose condition holds."""
    lines = ["| the first that holds | is the status |", "|---|---|"]
    return "\n".join([*lines, *(f"| {when} | **{status}** |" for when, status in STATUSES.items())])


DRAWN: Final[Mapping[str, Callable[[], str]]] = {
    "booking-diagram": lambda: diagram(
        _booking_cells(), (BookingState.CONFIRMED, BookingState.FAILED, BookingState.CANCELLED)
    ),
    "booking-table": lambda: table(_booking_cells()),
    "verdict-table": lambda: table(_named(payment.VERDICT_TABLE)),
    "status-table": lambda: statuses(),
    "refund-diagram": lambda: diagram(
        _reported(payment.REFUND_TABLE), (RefundStatus.SUCCEEDED, RefundStatus.FAILED)
    ),
    "refund-table": lambda: table(_reported(payment.REFUND_TABLE)),
    "dispute-diagram": lambda: diagram(
        _reported(payment.DISPUTE_TABLE), (DisputeStatus.WON, DisputeStatus.LOST)
    ),
    "dispute-table": lambda: table(_reported(payment.DISPUTE_TABLE)),
    "refund-job-table": lambda: table(
        _named({PaymentStatus.REFUND_PENDING: payment.REFUND_JOB_RULES})
    ),
    "capture-diagram": lambda: diagram(
        _named(payment.CAPTURE_TABLE),
        (CaptureState.CAPTURED, CaptureState.DECLINED, CaptureState.DROPPED),
    ),
    "capture-table": lambda: table(_named(payment.CAPTURE_TABLE)),
}


def drawn(text: str) -> str:
    """`text` with every marked section drawn anew; KeyError where a mark has an unknown name."""
    return _SECTION.sub(
        lambda found: found["open"] + DRAWN[found["name"]]() + "\n" + found["close"], text
    )


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python -m tests.saga_doc [--check]", file=sys.stderr)
        return 2
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted = drawn(text)
    if arguments and text != wanted:
        print("docs/saga.md is out of date: run python -m tests.saga_doc")
        return 1
    if not arguments:
        DOCUMENT.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
