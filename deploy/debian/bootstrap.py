"""Debian itself as an image, made with debootstrap from the mirror that the host uses."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from deploy.errors import DeployError
from deploy.shell import run

RELEASE: Final = "trixie"
IMAGE: Final = f"postbox/debian:{RELEASE}"
DEFAULT_MIRROR: Final = "http://deb.debian.org/debian"
SOURCES: Final = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))


def make() -> None:
    """Makes IMAGE. It needs root, as debootstrap does."""
    if shutil.which("debootstrap") is None:
        raise DeployError(
            "no registry is in reach, and debootstrap, which would do instead, is not installed:"
            " apt-get install debootstrap"
        )
    with tempfile.TemporaryDirectory(prefix="postbox-debian-") as folder:
        include = "--include=ca-certificates"
        run(
            ["debootstrap", "--variant=minbase", include, RELEASE, folder, mirror()],
            why=f"Debian {RELEASE} cannot be bootstrapped",
        )
        for needless in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc"):
            shutil.rmtree(Path(folder) / needless, ignore_errors=True)
        _load(folder)


def _load(folder: str) -> None:
    tar = subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE)
    with (
        tar,
        subprocess.Popen(
            ["docker", "import", "-", IMAGE], stdin=tar.stdout, stdout=subprocess.DEVNULL
        ) as loading,
    ):
        if loading.wait() != 0 or tar.wait() != 0:
            raise DeployError(f"{IMAGE} cannot be imported")


def mirror() -> str:
    """The mirror of the host's own apt, of Debian proper."""
    files = [path for place in SOURCES for path in (place, *sorted(place.glob("*")))]
    text = "\n".join(path.read_text() for path in files if path.is_file())
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found = re.findall(r"(https?://\S+/debian)/?(?=\s|$)", "\n".join(lines))
    return found[0] if found else DEFAULT_MIRROR
