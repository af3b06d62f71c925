"""Build contexts: exactly the files that a build needs, as one reproducible tar."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
# What the image holds; tests, scenarios and the supervisor stay out of it.
SOURCES: Final = (
    *("contracts", "postbox", "relay", "services", "stack/provider"),
    *("stack/__init__.py", "deploy/__init__.py", "deploy/healthcheck.py"),
    "deploy/setup",
)
Files = Mapping[str, Path]


def source_files() -> dict[str, Path]:
    """The programs' source, by its path in the context."""
    return {f"source/{path.relative_to(ROOT)}": path for path in sorted(_sources())}


def _sources() -> Iterable[Path]:
    for name in SOURCES:
        place = ROOT / name
        if place.is_file():
            yield place
        else:
            yield from (p for p in place.rglob("*") if p.suffix in {".py", ".json"} and p.is_file())


def fingerprint(files: Files, *more: str) -> str:
    """A name for exactly these files and words."""
    digest = hashlib.sha256("\0".join(more).encode())
    for name, path in sorted(files.items()):
        digest.update(f"\0{name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def packed(files: Files) -> bytes:
    """The files as a tar, the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, path in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            content = path.read_bytes()
            entry.size = len(content)
            entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
