"""What README and the first pages of the docs tell people to type works as it is written."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

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
START = (ROOT / "docs" / "start.md").read_text()
INDEX = (ROOT / "docs" / "index.md").read_text()
CURL_TIMEOUT_S = 10
START_LIMIT_S, STOP_LIMIT_S = 20.0, 10.0


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def blocks_with_curl() -> list[str]:
    return [block for block in blocks("sh") if "curl" in block]


def test_every_make_target_that_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert {"demo", "test", "check", "up", "down", "bench", "clean"} <= named
    assert named <= targets


@pytest.mark.parametrize("page", ["guarantees.md", "security.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "docs" / page).read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


async def test_the_first_service_bills_an_order(
    mongod: Mongod, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    """It runs as a program, as it is written, beside the relay that is started as it is written."""
    here = {
        "mongodb://localhost/shop?replicaSet=rs0": mongod.database("shop"),
        "amqp://localhost/": rabbitmq.uri,
        "port=8080": f"port={free_port()}",
    }
    (example,) = blocks("python", START)
    (relay,) = [block for block in blocks("sh", START) if "python -m relay" in block]
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


def test_it_shows_the_same_use_as_the_docs() -> None:
    """Whose code is run."""
    assert blocks("python")[0] == blocks("python", INDEX)[0]


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
    return blocks_with_curl()[0]


async def test_the_curl_commands_make_a_booking_and_cancel_it(
    tmp_path: Path, curl_example: str
) -> None:
    async with Stack(tmp_path) as stack:
        gateway, provider = stack.info.gateway.url, stack.info.provider.url
        commands = curl_commands(curl_example)
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


def curl_commands(example: str) -> list[str]:
    joined = example.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith("curl")]


async def _run(command: str, gateway: str, provider: str) -> dict[str, object]:
    answer: dict[str, object] = orjson.loads(await _output(command, gateway, provider))
    return answer


async def _output(command: str, gateway: str, provider: str) -> str:
    return await output(command, {"GATEWAY": gateway, "PROVIDER": provider})


async def output(
    command: str, variables: dict[str, str], *, limit_s: float = CURL_TIMEOUT_S
) -> str:
    process = await asyncio.create_subprocess_shell(
        command,
        stdout=asyncio.subprocess.PIPE,
        env={**variables, "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), limit_s)
    return printed.decode()
