"""The pictures of ARCHITECTURE.md, drawn from the rules that `make check` holds and the imports.

The floors are the layers of `[tool.importlinter]` in pyproject.toml; an arrow is an import that
there is, unless a longer way of arrows says the same. `--check`: whether the page is up to date.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import grimp

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "ARCHITECTURE.md"
HOUSE: Final = "The house: arrows run downward only"
LIBRARY: Final = "The library: arrows run downward only"
LEFT_OUT: Final = frozenset({"__main__", "errors", "extras"})
"""Of the library: what every room may import, and the entry."""

Arrows = set[tuple[str, str]]


def main(arguments: list[str]) -> int:
    old = PAGE.read_text()
    new = old
    for name, diagram in _diagrams().items():
        begin, end = f"<!-- {name}: drawn -->\n", f"<!-- {name}: end -->"
        head, _, rest = new.partition(begin)
        new = head + begin + diagram + end + rest.partition(end)[2]
    if "--check" in arguments:
        if new != old:
            print(f"{PAGE.name} is out of date: python -m tests.architecture.picture")
        return int(new != old)
    PAGE.write_text(new)
    return 0


def _diagrams() -> dict[str, str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts = {one["name"]: one for one in settings["contracts"]}
    graph = grimp.build_graph(*settings["root_packages"], cache_dir=None)
    return {
        "house": _diagram(graph, contracts[HOUSE], ""),
        "library": _diagram(graph, contracts[LIBRARY], "postbox."),
    }


def _diagram(graph: grimp.ImportGraph, contract: dict[str, Any], prefix: str) -> str:
    floors = [
        [room for room in layer.replace("|", " ").split() if room not in LEFT_OUT]
        for layer in contract["layers"]
    ]
    rooms = [room for floor in floors for room in floor]
    arrows = {
        (a, b) for a in rooms for b in rooms if a != b and _imports(graph, prefix + a, prefix + b)
    }
    lines = ["```mermaid", "flowchart TD"]
    for number, floor in enumerate(filter(None, floors)):
        lines.append(f"    subgraph floor{number}[ ]")
        lines += [f"        {room}" for room in floor]
        lines.append("    end")
    lines += [f"    {a} --> {b}" for a, b in sorted(_reduced(arrows))]
    return "\n".join([*lines, "```", ""])


def _imports(graph: grimp.ImportGraph, importer: str, imported: str) -> bool:
    of_imported = {imported, *graph.find_descendants(imported)}
    return any(
        graph.find_modules_directly_imported_by(module) & of_imported
        for module in (importer, *graph.find_descendants(importer))
    )


def _reduced(arrows: Arrows) -> Arrows:
    """Without the arrows that a longer way replaces."""
    return {(a, b) for a, b in arrows if b not in set(_reached(arrows - {(a, b)}, a))}


def _reached(arrows: Arrows, start: str) -> Iterator[str]:
    todo, seen = [start], set[str]()
    while todo:
        for b in [b for a, b in arrows if a == todo[-1]] if todo else []:
            if b not in seen:
                seen.add(b)
                yield b
                todo.insert(0, b)
        todo.pop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
