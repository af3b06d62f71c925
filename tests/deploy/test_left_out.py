"""Where no container engine can be had, the container tests are left out aloud; in CI they fail."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEST = "tests/integration/test_disk.py"
LAST_LINES = 5


def container_tests(empty: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """One of them, where there is neither an engine nor a way to install one."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", TEST],
        cwd=ROOT,
        env={**environment, "PATH": str(empty), "DOCKER_HOST": f"unix://{empty}/none", **variables},
        capture_output=True,
        text=True,
    )


def test_on_a_persons_machine_the_last_lines_say_so(tmp_path: Path) -> None:
    done = container_tests(tmp_path)
    assert done.returncode == 0, done.stdout
    last_lines = done.stdout.strip().splitlines()[-LAST_LINES:]
    reported = "LEFT OUT: the container tests: no Docker daemon answers"
    assert any(line.startswith(reported) for line in last_lines), done.stdout
    assert "skipped" in last_lines[-1]
    assert "passed" not in last_lines[-1]


def test_whoever_does_not_want_an_engine_gets_none(tmp_path: Path) -> None:
    done = container_tests(tmp_path, POSTBOX_NO_ENGINE="1")
    assert done.returncode == 0, done.stdout
    reported = "LEFT OUT: the container tests: POSTBOX_NO_ENGINE is set"
    assert reported in done.stdout.strip().splitlines()[-LAST_LINES:], done.stdout


def test_in_ci_they_fail(tmp_path: Path) -> None:
    done = container_tests(tmp_path, CI="true")
    assert done.returncode == 1, done.stdout
    assert "the container tests may not be left out here: no Docker daemon answers" in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]
