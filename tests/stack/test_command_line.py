"""The command line, as a person uses it: real commands, each its own process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.layout import Layout
from stack.supervision import lock
from stack.supervision.process import ROOT
from tests.stack import processes

LIMIT_S = 60.0


async def stack(*arguments: str | Path) -> tuple[int, str]:
    """Runs `python -m stack` with fake programs; the exit code and what it said."""
    command = (sys.executable, "-m", "tests.stack.fake_programs", *map(str, arguments))
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.fixture
async def directory(tmp_path: Path) -> AsyncIterator[Path]:
    yield tmp_path
    await stack("down", "--dir", tmp_path)
    await processes.none_left(tmp_path)


async def test_up_twice_dead_supervisor_up_again_down(directory: Path) -> None:
    """Goal: no order of commands and deaths leaves anything behind, or harms what runs."""
    at = ("--dir", directory)
    code, said = await stack("up", "--detach", *at)
    assert code == 0, said
    assert "/booking/intent" in said
    info = directory / "stack.json"
    first = json.loads(info.read_text())

    code, said = await stack("up", *at)
    assert (code, "up already" in said) == (0, True), said
    assert json.loads(info.read_text()) == first
    code, said = await stack("status", "--json", *at)
    programs = json.loads(said)["programs"]
    assert code == 0
    assert {name for name, state in programs.items() if state["lacks"] is None} == set(first)

    supervisor = lock.holder(Layout(directory))
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    await processes.none_left(directory)

    code, said = await stack("up", "--detach", *at)
    assert code == 0, said
    second = json.loads(info.read_text())
    assert second["gateway"]["url"] == first["gateway"]["url"]
    assert second["gateway"]["pid"] != first["gateway"]["pid"]

    assert (await stack("down", *at))[0] == 0
    assert processes.of(directory) == {}
    assert not info.exists()
    code, said = await stack("down", *at)
    assert (code, "No stack is up" in said) == (0, True), said
    assert (await stack("status", *at))[0] == 3


async def test_run_gives_the_command_a_stack_and_returns_its_code(directory: Path) -> None:
    script = "import os, sys; print(open(os.environ['STACK_JSON']).read()); sys.exit(7)"
    code, said = await stack("run", "--dir", directory, "--", sys.executable, "-c", script)
    assert code == 7, said
    assert "webhook_secret" in said
    assert processes.of(directory) == {}
