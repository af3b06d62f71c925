"""All pages of the site in one folder, each link made one that holds there."""

import re
import shutil
from os.path import normpath
from pathlib import Path
from typing import Final

from website.http_apis import http_apis
from website.layout import HERE, OTHER_PAGES, PAGES, ROOT, place, relative
from website.markdown import is_elsewhere, with_links
from website.reference import reference

ASSETS: Final = (
    HERE / "site.css",
    HERE / "javascripts" / "mermaid.tiny.js",
    HERE / "javascripts" / "iframe-worker.js",
)
_LISTING: Final = re.compile(r"\]\((?:\.\./)*source/([^)#]+)\.html(?:#[^)]*)?\)")


def gather() -> tuple[list[str], set[str]]:
    """Write every page and what pages show; the pages in order, and the files that they list."""
    texts = {**_from_docs(), **_examples(), **http_apis(), **reference()}
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES, ignore=shutil.ignore_patterns("*.md", "*.py", "__*"))
    for asset in ASSETS:
        _write(PAGES / "assets" / asset.name, asset.read_bytes())
    for page, text in texts.items():
        _write(PAGES / page, text.encode())
    return list(texts), {path for text in texts.values() for path in _LISTING.findall(text)}


def _from_docs() -> dict[str, str]:
    paths = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in OTHER_PAGES)]
    return dict(_page(str(path.relative_to(ROOT))) for path in paths)


def _examples() -> dict[str, str]:
    """Each example's own page, and beneath it the program."""
    texts = {}
    for readme in sorted((ROOT / "examples").glob("*/README.md")):
        page, text = _page(str(readme.relative_to(ROOT)))
        for program in sorted((*readme.parent.glob("*.py"), *readme.parent.glob("*.mjs"))):
            if code := program.read_text().strip():
                language = "python" if program.suffix == ".py" else "javascript"
                text += f'\n```{{ .{language} title="{program.name}" }}\n{code}\n```\n'
        texts[page] = text
    return texts


def _page(path: str) -> tuple[str, str]:
    page = place(path)
    assert page is not None

    def rewritten(target: str) -> str:
        name, hash_, anchor = target.partition("#")
        if is_elsewhere(target) or not name:
            return target
        led_to = place(normpath(f"{path}/../{name}"))
        return target if led_to is None else relative(led_to, page) + hash_ + anchor

    return page, with_links((ROOT / path).read_text(), rewritten)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
