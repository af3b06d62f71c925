"""The repository's files that a page links to, each as a page of its own with numbered lines."""

import html
from pathlib import Path, PurePosixPath
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 1rem; }
pre { font: 13px/1.5 ui-monospace, monospace; overflow-x: auto; counter-reset: line; }
pre span::before {
  counter-increment: line; content: counter(line);
  display: inline-block; width: 3em; padding-right: 1em; text-align: right; opacity: 0.5;
}
:target { background: #8884; }
"""


def write_listing(path: str, root: Path, to: Path) -> None:
    """Write the listing of the file at `path` in the repository; its lines are `#L-1` and so on."""
    name = html.escape(path)
    home = "../" * len(PurePosixPath(path).parts) + "index.html"
    lines = [
        f'<span id="L-{number}">{html.escape(line)}</span>\n'
        for number, line in enumerate((root / path).read_text().splitlines(), start=1)
    ]
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f'<body><p><a href="{home}">Postbox</a> · {name}</p>'
        f"<pre>{''.join(lines)}</pre></body></html>\n"
    )
