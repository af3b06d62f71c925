"""A newcomer finds the way: no room has more than a dozen files, and each says what it is."""

import ast
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
HOUSE: Final = (
    "bench",
    "booking_client",
    "contracts",
    "deploy",
    "postbox",
    "relay",
    "scenarios",
    "services",
    "stack",
)
FILES_MAX: Final = 12
ENTRIES: Final = ("__init__.py", "__main__.py")


def files() -> list[Path]:
    return [path for folder in HOUSE for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_room_has_more_than_a_dozen_files() -> None:
    rooms = Counter(path.parent.relative_to(ROOT) for path in files() if path.name not in ENTRIES)
    assert {room: count for room, count in rooms.items() if count > FILES_MAX} == {}


@pytest.mark.parametrize("house", ["postbox", "relay"])
def test_every_room_says_what_it_guarantees_and_what_it_may_import(house: str) -> None:
    for door in sorted((ROOT / house).glob("*/__init__.py")):
        said = ast.get_docstring(ast.parse(door.read_text())) or ""
        assert "Guarantees" in said, f"{door.parent.name}: {said}"
        assert "mports" in said, f"{door.parent.name}: {said}"
