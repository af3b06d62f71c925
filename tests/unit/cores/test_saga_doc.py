"""docs/saga.md shows the tables that the code follows, and no others."""

from pathlib import Path

import pytest

from tests import saga_doc


def test_the_page_is_up_to_date() -> None:
    text = saga_doc.DOCUMENT.read_text(encoding="utf-8")
    assert saga_doc.drawn(text) == text, "run python -m tests.saga_doc"


def test_the_page_shows_everything_that_is_drawn() -> None:
    text = saga_doc.DOCUMENT.read_text(encoding="utf-8")
    assert all(f"<!-- drawn: {name} -->" in text for name in saga_doc.DRAWN)


def test_drift_is_found_and_written_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = saga_doc.DOCUMENT.read_text(encoding="utf-8")
    copy = tmp_path / "saga.md"
    copy.write_text(text.replace("`reject_payment`", "`ignore`"), encoding="utf-8")
    monkeypatch.setattr(saga_doc, "DOCUMENT", copy)
    assert saga_doc.main(["--check"]) == 1
    assert saga_doc.main([]) == 0
    assert saga_doc.main(["--check"]) == 0
    assert copy.read_text(encoding="utf-8") == text
