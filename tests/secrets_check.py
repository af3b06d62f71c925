"""No secret is in the tree: keys, tokens and passwords by the shapes that their makers gave them.

`python -m tests.secrets_check [FILE...]` looks into the files that git has or would add, and exits
with 1 where it finds any. It shows where, and never what. Passwords that are given to a name are
ruff's to find (S105 to S107).
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SHAPES: Final = (
    # what it is, what is in every one of them, and the whole shape
    ("a private key", "PRIVATE KEY-----", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    ("a private JWK", '"d"', r'"d"\s*:\s*"[A-Za-z0-9_-]{40,}"'),
    ("a token (JWT)", "eyJ", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    ("a webhook secret", "whsec_", r"\bwhsec_[A-Za-z0-9+/]{24,}"),
    ("a Stripe key", "k_live_", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    ("a Stripe key", "k_test_", r"\b[rs]k_test_[A-Za-z0-9]{16,}"),
    ("an AWS key", "AKIA", r"\bAKIA[0-9A-Z]{16}\b"),
    ("a GitHub token", "gh", r"\bgh[pousr]_[A-Za-z0-9]{36}"),
    ("a GitHub token", "github_pat_", r"\bgithub_pat_\w{60,}"),
    ("a Google key", "AIza", r"\bAIza[\w-]{35}\b"),
    ("a Slack token", "xox", r"\bxox[abeprs]-[\w-]{10,}"),
    ("a PyPI token", "pypi-AgE", r"\bpypi-AgE[\w-]{50,}"),
    ("an npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a password in a URI", "://", r"://[\w.%-]+:(?P<password>[\w.%!~+-]{5,})@"),
)
PLACEHOLDERS: Final = frozenset({"password", "secret", "guest", "wrong"})
"""Words that stand for any password."""


def found_in(text: str) -> Iterator[tuple[int, str]]:
    """The line and kind of each secret."""
    for kind, part, shape in SHAPES:
        if part not in text:
            continue
        for match in re.finditer(shape, text):
            if match.groupdict().get("password") not in PLACEHOLDERS:
                yield text.count("\n", 0, match.start()) + 1, kind


def main(arguments: list[str]) -> int:
    names = arguments or _files()
    found = 0
    for name in names:
        path = ROOT / name
        if not path.is_file():
            continue  # deleted, and not committed yet
        for line, kind in found_in(path.read_text(encoding="utf-8", errors="replace")):
            found += 1
            print(f"{name}:{line}: {kind}")
    print(f"{len(names)} files, {found or 'no'} secrets")
    return int(found > 0)


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return sorted(set(listed.stdout.split("\0")) - {""})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
