"""What README tells people to type works as it is written."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest

from stack.embedded import Stack
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CURL_TIMEOUT_S = 10


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_every_make_target_that_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert {"demo", "test", "check", "up", "down", "bench", "clean"} <= named
    assert named <= targets


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_test_that_the_guarantees_name_exists() -> None:
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "docs" / "guarantees.md").read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_python_example_is_a_service() -> None:
    """The example is run up to the point where it would start to serve."""
    (example,) = blocks("python")
    checked = example + "\nassert service.database.name == 'billing'\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _in_a_loop(checked)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _in_a_loop(code: str) -> str:
    return f"import asyncio\nasync def main():\n    exec({code!r}, {{}})\nasyncio.run(main())\n"


@pytest.fixture(scope="module")
def curl_example() -> str:
    (example,) = [block for block in blocks("sh") if "curl" in block]
    return example


async def test_the_curl_commands_make_a_booking_and_cancel_it(
    tmp_path: Path, curl_example: str
) -> None:
    async with Stack(tmp_path) as stack:
        gateway, provider = stack.info.gateway.url, stack.info.provider.url
        commands = _commands(curl_example)
        assert len(commands) == 5
        intent, charge, show, cancel, follow = commands
        accepted = await _run(intent, gateway, provider)
        assert accepted["status"] == "pending"
        assert (await _run(charge, gateway, provider))["paymentId"]

        async def status(expected: str) -> bool:
            async with httpx.AsyncClient() as client:
                view = (await client.get(f"{gateway}/booking/demo-1")).json()
            assert view["status"] == expected
            return all(payment["status"] != "refund_pending" for payment in view["payments"])

        await eventually(lambda: status("confirmed"))
        assert (await _run(show, gateway, provider))["status"] == "confirmed"
        assert (await _run(cancel, gateway, provider))["intentId"] == "demo-1"
        await eventually(lambda: status("cancelled"))
        told = await _output(follow, gateway, provider)
        assert "event: booking" in told
        assert '"status":"cancelled"' in told


def _commands(example: str) -> list[str]:
    joined = example.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith("curl")]


async def _run(command: str, gateway: str, provider: str) -> dict[str, object]:
    answer: dict[str, object] = orjson.loads(await _output(command, gateway, provider))
    return answer


async def _output(command: str, gateway: str, provider: str) -> str:
    process = await asyncio.create_subprocess_shell(
        command,
        stdout=asyncio.subprocess.PIPE,
        env={"GATEWAY": gateway, "PROVIDER": provider, "PATH": "/usr/bin:/bin"},
    )
    output, _ = await asyncio.wait_for(process.communicate(), CURL_TIMEOUT_S)
    return output.decode()
