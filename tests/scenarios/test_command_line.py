"""`python -m scenarios`, as a person or a program calls it."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from scenarios.registry import SCENARIOS
from tests.scenarios.conftest import Played

# The first test of all pays for the playing of every story.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]


async def call(*arguments: str, stack_json: Path | None = None) -> tuple[int | None, str, str]:
    """Exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scenarios", *arguments),
        cwd=ROOT,
        env={**os.environ, **({"STACK_JSON": str(stack_json)} if stack_json else {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_list_names_every_scenario() -> None:
    code, output, _ = await call("list")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == list(SCENARIOS)


async def test_an_unknown_scenario_is_refused_before_anything_is_started() -> None:
    code, _, errors = await call("run", "trivial", "nonsense")
    assert code == 2
    assert "nonsense" in errors


async def test_a_stack_that_is_named_and_not_there_is_said(tmp_path: Path) -> None:
    code, _, errors = await call("run", "trivial", stack_json=tmp_path / "stack.json")
    assert code == 1
    assert "STACK_JSON" in errors
    assert "Traceback" not in errors


async def test_run_plays_on_the_stack_that_is_up(played: Played) -> None:
    stack_json = played.stack.layout.info
    code, output, _ = await call("run", "amount-mismatch", "--json", stack_json=stack_json)
    [result] = json.loads(output)
    assert code == 0
    assert result["ok"]
    assert result["scenario"] == "amount-mismatch"
    assert result["state"] == "failed (amount_mismatch)"
    assert result["money"] == {"captured": 4199, "refunded": 4199, "kept": 0}
    assert result["events"] == {
        "booking.intent.created": 1,
        "payment.captured": 1,
        "booking.failed": 1,
        "payment.refunded": 1,
    }


async def test_a_stack_without_tokens_is_not_taken_for_one_with_them(played: Played) -> None:
    code, _, errors = await call("run", "trivial", "--auth", stack_json=played.stack.layout.info)
    assert (code, "asks for no tokens" in errors) == (1, True)
