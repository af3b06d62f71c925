"""The producer in Node: what it commits goes out, once for each order."""

import asyncio
import os
import shutil
from pathlib import Path

import orjson
import pytest

from stack.supervision.process import ROOT
from tests.cli.harness import run
from tests.relay.conftest import harness  # noqa: F401 - a fixture
from tests.relay.harness import RelayHarness

EXAMPLE = ROOT / "examples" / "node_producer"
INSTALL_LIMIT_S = 60.0
RUN_LIMIT_S = 20.0

# CI has Node, and fails without it.
pytestmark = pytest.mark.skipif(
    shutil.which("npm") is None and not os.environ.get("CI"), reason="there is no Node here"
)


async def command(*arguments: str, at: Path, limit_s: float, **variables: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=at,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), limit_s)
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_an_order_and_its_event(harness: RelayHarness, tmp_path: Path) -> None:  # noqa: F811
    at = tmp_path / "node_producer"
    shutil.copytree(EXAMPLE, at, ignore=shutil.ignore_patterns("node_modules"))
    await command(
        *("npm", "install", "--no-audit", "--no-fund", "--loglevel=error"),
        at=at,
        limit_s=INSTALL_LIMIT_S,
    )
    sources = f"shop={harness.source.uri}"
    assert (await run("outbox", "schema", "--install", RELAY_SOURCES=sources)).code == 0

    async def place() -> str:
        arguments = ("node", "producer.mjs", "o1", "4200000000")
        return await command(*arguments, at=at, limit_s=RUN_LIMIT_S, MONGO_URI=harness.source.uri)

    assert await place() == "placed o1\n"
    assert await place() == "o1 was placed before\n"
    row = await harness.rows.find_one({"subject": "o1"}) or {}
    await harness.rows.update_one({}, {"$set": {"type": f"{harness.name}.placed"}})  # our queue's
    async with harness.relaying():
        await harness.published()
    (message,) = await harness.messages()
    event = orjson.loads(message.body)
    assert (event["id"], event["subject"]) == (str(row["_id"]), "o1")
    assert event["data"]["order_id"] == "o1"
    assert event["data"]["amount"] == 4_200_000_000
    assert isinstance(event["data"]["amount"], int)
