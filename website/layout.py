"""Where everything is: in the repository, in the folder that is built, and in the site."""

from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
HERE: Final = Path(__file__).resolve().parent
BUILD: Final = ROOT / ".local" / "website"
PAGES: Final = BUILD / "pages"
HTML: Final = BUILD / "html"

OTHER_PAGES: Final = {
    "README.md": "repository.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages that lie elsewhere than in docs/, and where the site has them."""


def place(path: str) -> str | None:
    """Where the site has what lies at `path` in the repository, as a page's source; None: nowhere.

    A file that is no page is a listing, which is a page of HTML from the start.
    """
    if path in OTHER_PAGES:
        return OTHER_PAGES[path]
    inside = PurePosixPath(path)
    if inside.parts[:1] == ("docs",):
        return str(inside.relative_to("docs")) if (ROOT / path).is_file() else _index(inside)
    if inside.parts[:1] == ("examples",) and len(inside.parts) in (2, 3):
        return f"examples/{inside.parts[1]}.md"
    return listing(path) if (ROOT / path).is_file() else None


def listing(path: str, line: int | None = None) -> str:
    """Where the site has the text of a file of the repository."""
    return f"source/{path}.html" + (f"#L-{line}" if line else "")


def relative(target: str, page: str) -> str:
    """`target` as a link from `page`, both as paths in the site."""
    depth = len(PurePosixPath(page).parts) - 1
    return "../" * depth + target


def _index(folder: PurePosixPath) -> str | None:
    readme = folder / "README.md"
    return str(readme.relative_to("docs")) if (ROOT / readme).is_file() else None
