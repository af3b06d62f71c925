"""What the demo prints is whole at every width, and a line a story where there is room for it."""

from io import StringIO

import pytest
from rich.console import Console

from scenarios.display import table
from scenarios.outcome import Outcome
from scenarios.registry import SCENARIOS
from scenarios.runner import Result

STATES = ("confirmed", "failed", "cancelled")
REASONS = (None, "slot_unavailable", "payment_timeout")


def results() -> list[Result]:
    """One of every scenario, with the longest final states that there are."""
    return [
        Result(
            scenario=name,
            happened="it happened",
            outcomes={
                f"{name}-{number}": Outcome(
                    state=STATES[number], reason=REASONS[number], events=(), captured=84_000
                )
                for number in range(1 + index % 2)
            },
            problems=(),
            seconds=12.3,
        )
        for index, name in enumerate(SCENARIOS)
    ]


def rendered(width: int) -> str:
    out = StringIO()
    Console(file=out, width=width).print(table(results()))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_word_is_cut(width: int) -> None:
    page = rendered(width)
    assert "…" not in page
    words = set(page.split())
    for result in results():
        assert {result.scenario, *result.state.split(), "84,000"} <= words
    assert max(map(len, page.splitlines())) <= width


@pytest.mark.parametrize("width", [100, 120])
def test_each_story_is_a_line(width: int) -> None:
    head, *lines, caption = rendered(width).splitlines()
    assert head.startswith("scenario")
    assert caption.startswith("money")
    assert len(lines) == len(SCENARIOS)


def test_where_there_is_no_terminal_it_is_plain_text() -> None:
    assert "\x1b" not in rendered(100)


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = StringIO()
    Console(file=out, width=100, force_terminal=True).print(table(results()))
    assert "\x1b[32m" not in out.getvalue()
