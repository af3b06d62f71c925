"""The wheel of this tree, and environments in which nothing but what is named is installed."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from stack.servers import ports

ROOT: Final = Path(__file__).parents[2]
UV: Final = Path(sys.executable).parent / "uv"
LIMIT_S: Final = 100


class Environment:
    """A virtual environment without this repository in reach; `postbox-mongo` is the wheel."""

    def __init__(self, folder: Path, wheel: Path, requirements: Sequence[str]) -> None:
        self._folder = folder
        self.home = folder / "elsewhere"
        wanted = (
            f"{one} @ {wheel.as_uri()}" if one.startswith("postbox-mongo") else one
            for one in requirements
        )
        _run(UV, "venv", "--quiet", "--python", sys.executable, str(folder))
        self.home.mkdir()
        _run(
            *(UV, "pip", "install", "--quiet", "--python", self.python),
            *("--constraint", _constraints(folder / "constraints.txt"), *wanted),
        )

    @property
    def python(self) -> Path:
        return self.program("python")

    def program(self, name: str) -> Path:
        return self._folder / "bin" / name

    @property
    def distributions(self) -> set[str]:
        listed = _run(UV, "pip", "list", "--python", self.python, "--format", "freeze")
        return {line.partition("==")[0].partition(" @ ")[0] for line in listed.stdout.splitlines()}

    def run(
        self, *arguments: str, variables: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`python ARGUMENTS` in this environment, from a folder of its own."""
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.home,
            env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **(variables or {})},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it would be published."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Environment]:
    """An environment with the wheel and one extra; "" is the core."""
    made: dict[str, Environment] = {}

    def install(extra: str) -> Environment:
        if extra not in made:
            folder = tmp_path_factory.mktemp(extra or "core") / "venv"
            requirement = f"postbox-mongo[{extra}]" if extra else "postbox-mongo"
            made[extra] = Environment(folder, wheel, [requirement])
        return made[extra]

    return install


def _constraints(page: Path) -> Path:
    """The locked versions, without their hashes: a constraint may not have one."""
    lock = (ROOT / "requirements-dev.lock").read_text().splitlines()
    page.write_text("\n".join(line.rstrip(" \\") for line in lock if line[:1].isalpha()))
    return page


def _run(*command: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def free_port() -> int:
    return ports.free_port()
