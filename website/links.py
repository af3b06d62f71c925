"""Whether every link leads somewhere: in the repository's pages, and in the site that was built."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from os.path import normpath
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from website.markdown import anchors, is_elsewhere, links

LOADING: Final = {"src", "srcset", "data", "poster"}
_LOADED_BY_CSS: Final = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


def broken_in_repository(root: Path) -> list[str]:
    """Each link of a page in Markdown that leads to no file, or to no heading of it."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "-co", "--exclude-standard", "*.md"),
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    pages = [root / name for name in sorted(set(listed.stdout.split("\0")) - {""})]
    return [problem for page in pages if page.is_file() for problem in _broken_in(page, root)]


def _broken_in(page: Path, root: Path) -> Iterator[str]:
    for line, target in links(page.read_text()):
        path, _, anchor = target.partition("#")
        if is_elsewhere(target):
            continue
        found = page.parent / path if path else page
        at = f"{page.relative_to(root)}:{line}: {target}"
        if not found.exists():
            yield f"{at}: no such file"
        elif anchor and found.suffix == ".md" and anchor not in anchors(found.read_text()):
            yield f"{at}: no such heading"


class _Page(HTMLParser):
    """What a page of HTML names: its own anchors, where it leads, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in LOADING or (name == "href" and tag == "link"):
                self.loaded.append(value)
                self.targets.append(value)
            elif name == "href":
                self.targets.append(value)


def broken_in_site(site: Path) -> list[str]:
    """Each link of a page that leads to no file or anchor, and what is loaded from elsewhere."""

    @cache
    def page(path: Path) -> _Page:
        return _Page(path.read_text())

    problems = []
    for path in sorted(site.rglob("*.html")):
        at = path.relative_to(site)
        problems += [f"{at}: loads {url}" for url in page(path).loaded if _is_remote(url)]
        for target in dict.fromkeys(page(path).targets):
            if is_elsewhere(target) or target.startswith("//"):
                continue
            name, _, anchor = target.partition("#")
            led_to = Path(normpath(path.parent / unquote(name.partition("?")[0]))) if name else path
            if not led_to.is_file():
                problems.append(f"{at}: {target}: no such file")
            elif (
                anchor and led_to.suffix == ".html" and unquote(anchor) not in page(led_to).anchors
            ):
                problems.append(f"{at}: {target}: no such anchor")
    for path in sorted(site.rglob("*.css")):
        for url in _LOADED_BY_CSS.findall(path.read_text()):
            problems.append(f"{path.relative_to(site)}: loads {url}")
    return problems


def _is_remote(url: str) -> bool:
    return url.startswith(("http:", "https:", "//"))
