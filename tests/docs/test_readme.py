"""What README tells people to type works as it is written."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from postbox.mongo import connect
from stack.embedded import Stack
from stack.servers.mongod import Mongod
from stack.servers.ports import free_port
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CURL_TIMEOUT_S = 10
START_LIMIT_S, STOP_LIMIT_S = 20.0, 10.0


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


async def test_the_python_example_bills_an_order(
    mongod: Mongod, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    """It runs as a program, as it is written, beside the relay that is started as it is written."""
    here = {
        "mongodb://localhost/shop?replicaSet=rs0": mongod.database("shop"),
        "amqp://localhost/": rabbitmq.uri,
        "port=8080": f"port={free_port()}",
    }
    _, example = blocks("python")
    (relay,) = [block for block in blocks("sh") if "python -m relay" in block]
    program = tmp_path / "shop.py"
    program.write_text(_with(here, example))
    port = int(here["port=8080"].removeprefix("port="))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "RELAY_PORT": str(free_port()),
    }
    client = connect(here["mongodb://localhost/shop?replicaSet=rs0"], application="tests")
    async with (
        client,
        _running(f"exec python {program}", environment),
        _running(f"exec env {_with(here, relay)}", environment),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):

        async def accepted() -> str:
            try:
                reply = await http.post("/orders")
            except httpx.TransportError:
                return ""
            return reply.json()["orderId"] if reply.status_code == 202 else ""

        order_id = await eventually(accepted, limit_s=START_LIMIT_S)
        database = client.get_default_database()

        async def billed() -> bool:
            row = await database["outbox"].find_one({"type": "order.billed", "state": "published"})
            return row is not None

        await eventually(billed, limit_s=START_LIMIT_S)
        assert await database["invoices"].distinct("_id") == [order_id]


async def test_the_core_example_writes_an_order_and_its_event(
    mongod: Mongod, tmp_path: Path
) -> None:
    example, _ = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    async with connect(mongod.database("shop_core"), application="tests") as client:
        await names["place"](client, "o1")
        row = await client.get_default_database()["outbox"].find_one({"subject": "o1"})
        order = await client.get_default_database()["orders"].find_one({"_id": "o1"})
    assert row is not None
    assert row["type"] == "order.placed"
    assert order is not None


def _with(values: dict[str, str], text: str) -> str:
    for written, used in values.items():
        text = text.replace(written, used)
    return text


@asynccontextmanager
async def _running(command: str, environment: dict[str, str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_shell(command, env=environment, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), STOP_LIMIT_S) == 0


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
        reported = await _output(follow, gateway, provider)
        assert "event: booking" in reported
        assert '"status":"cancelled"' in reported


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
