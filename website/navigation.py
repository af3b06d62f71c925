"""The order of the pages, in sections. A page of docs/ that is not named here is the last guide."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Section:
    title: str
    pages: tuple[str, ...]


SECTIONS: Final = (
    Section("Start", ("index.md", "start.md", "testing.md")),
    Section(
        "Guides",
        (
            "events.md",
            "handlers.md",
            "clients.md",
            "inside.md",
            "scheduled.md",
            "topology.md",
            "interop.md",
            "interop-table.md",
            "migrating.md",
        ),
    ),
    Section(
        "Operating",
        (
            "relay.md",
            "operating.md",
            "console.md",
            "configuration.md",
            "security.md",
            "providers.md",
        ),
    ),
    Section(
        "How it works",
        (
            "guarantees.md",
            "faults.md",
            "formats.md",
            "repository.md",
            "saga.md",
            "tracing.md",
            "performance.md",
            "scaling.md",
            "architecture.md",
            "decisions/README.md",
        ),
    ),
    Section("API reference", ()),
    Section("HTTP APIs", ("http/gateway.md", "http/payment.md", "http/events.md", "problems.md")),
    Section("Changelog", ("changelog.md",)),
)
_BY_FOLDER: Final = {
    "decisions": "How it works",
    "examples": "Start",
    "reference": "API reference",
    "http": "HTTP APIs",
}
_FOLDED: Final = {"decisions": "Decisions", "examples": "Examples"}
_RENAMED: Final = {"repository.md": "README"}
"""Its own title is that of the first page."""


def navigation(pages: Sequence[str]) -> str:
    """`nav` of zensical.toml, with all of `pages`: in each section those named, then the others."""
    named = {page for section in SECTIONS for page in section.pages}
    sections = []
    for section in SECTIONS:
        own = [page for page in section.pages if page in pages]
        own += [page for page in pages if page not in named and _section(page) == section.title]
        sections.append(_table(section.title, _folded(own)))
    return f"[{', '.join(sections)}]"


def _section(page: str) -> str:
    return _BY_FOLDER.get(page.rpartition("/")[0], "Guides")


def _folded(pages: Sequence[str]) -> list[str]:
    """The pages, those of some folders under a title of their own."""
    items = [_item(page) for page in pages if page.partition("/")[0] not in _FOLDED]
    for folder, title in _FOLDED.items():
        inner = [_string(page) for page in pages if page.startswith(f"{folder}/")]
        items += [_table(title, inner)] if inner else []
    return items


def _item(page: str) -> str:
    title = _RENAMED.get(page)
    return f"{{ {_string(title)} = {_string(page)} }}" if title else _string(page)


def _table(title: str, items: Sequence[str]) -> str:
    return f"{{ {_string(title)} = [{', '.join(items)}] }}"


def _string(text: str) -> str:
    return json.dumps(text)  # a string of JSON is one of TOML
