"""Make the site, and check every link of it and of the repository's pages.

`--check` says nothing where all is well.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from website.layout import BUILD, HERE, HTML, ROOT, listing
from website.links import broken_in_repository, broken_in_site
from website.listings import write_listing
from website.navigation import navigation
from website.pages import gather


def build() -> None:
    """Make the site anew in a folder that is not kept. CalledProcessError with what was said."""
    pages, listed = gather()
    settings = (HERE / "zensical.toml").read_text()
    settings = settings.replace("nav = []", f"nav = {navigation(pages)}")
    (BUILD / "zensical.toml").write_text(settings)
    shutil.copytree(HERE / "theme", BUILD / "theme", dirs_exist_ok=True)
    shutil.rmtree(HTML, ignore_errors=True)
    subprocess.run(
        (Path(sys.executable).with_name("zensical"), "build", "--clean"),
        cwd=BUILD,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    (HTML / "404.html").unlink(missing_ok=True)  # for a web server, which there need not be
    for path in listed:
        write_listing(path, ROOT, HTML / listing(path))


def main(arguments: list[str]) -> int:
    try:
        build()
    except subprocess.CalledProcessError as error:
        print(error.stdout, file=sys.stderr)
        return 1
    problems = [*broken_in_repository(ROOT), *broken_in_site(HTML)]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    if arguments != ["--check"]:
        print(f"file://{HTML / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
