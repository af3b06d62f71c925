"""Links and headings of a page in Markdown, as GitHub understands them."""

import re
from collections.abc import Callable, Iterator
from typing import Final

_FENCE: Final = re.compile(r"^ *(```|~~~)")
_LINK: Final = re.compile(r"(?<=\]\()([^()\s]+)(?=\))")
_CODE: Final = re.compile(r"`[^`]*`")
_HEADING: Final = re.compile(r"^#{1,6} +(.*?)(?: +\{ *#([\w.-]+) *\})? *$")
_MARKUP: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)|[`*]")
_NO_ANCHOR: Final = re.compile(r"[^\w\- ]")


def lines_of_text(text: str) -> Iterator[tuple[int, str, bool]]:
    """Each line with its number, and whether it is text: not of a block of code."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        fence = _FENCE.match(line) is not None
        yield number, line, not (fenced or fence)
        fenced ^= fence


def links(text: str) -> Iterator[tuple[int, str]]:
    """Every target of a link or an image, with its line."""
    for number, line, is_text in lines_of_text(text):
        if is_text:
            for found in _LINK.finditer(_CODE.sub("", line)):
                yield number, found[1]


def with_links(text: str, rewritten: Callable[[str], str]) -> str:
    """The text with every target of a link replaced."""
    lines = [
        _LINK.sub(lambda found: rewritten(found[1]), line) if is_text else line
        for _, line, is_text in lines_of_text(text)
    ]
    return "\n".join(lines) + "\n"


def anchors(text: str) -> set[str]:
    """The anchors of its headings."""
    found: set[str] = set()
    for _, line, is_text in lines_of_text(text):
        heading = _HEADING.match(line) if is_text else None
        if heading:
            own = heading[2] or slug(heading[1])
            repeats = sum(1 for other in found if other == own or _repeats(other, own))
            found.add(f"{own}-{repeats}" if repeats else own)
    return found


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    plain = _MARKUP.sub(lambda found: found[1] or "", heading)
    return _NO_ANCHOR.sub("", plain).strip().lower().replace(" ", "-")


def is_elsewhere(target: str) -> bool:
    """Whether it leads out of the repository."""
    return re.match(r"[a-z][a-z+.-]*:", target) is not None


def _repeats(anchor: str, of: str) -> bool:
    return re.fullmatch(re.escape(of) + r"-\d+", anchor) is not None
