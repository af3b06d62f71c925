"""With authentication turned on as README says it, its commands work, and so do the stories."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from postbox.mongo import connect
from scenarios.checker import check
from scenarios.target_stack import SHORT_TIMES, WITH_TOKENS
from stack.embedded import Stack
from stack.tokens import Tokens
from tests.docs.test_readme import ROOT, blocks, blocks_with_curl, curl_commands, output
from tests.eventually import eventually

STORIES = ("trivial", "slot-conflict", "cancel-after-confirm", "cancel-before-intent")
STORIES_LIMIT_S = 90.0


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    environment = {**SHORT_TIMES, **WITH_TOKENS}
    async with Stack(tmp_path_factory.mktemp("stack"), env=environment) as stack:
        yield stack


async def test_the_commands_with_a_token_make_a_booking_and_show_it(stack: Stack) -> None:
    (turned_on,) = [block for block in blocks("sh") if "GATEWAY_AUTH=jwt" in block]
    (mint,) = [line for line in turned_on.splitlines() if line.startswith("TOKEN=$(")]
    here = f" --dir {stack.layout.directory})"
    token = (await output(f"{mint.replace(')', here)}; echo $TOKEN", {})).strip()
    intent, show = curl_commands(blocks_with_curl()[1])

    async def run(command: str, token: str) -> dict[str, Any]:
        variables = {"GATEWAY": stack.info.gateway.url, "TOKEN": token}
        answer: dict[str, Any] = orjson.loads(await output(command, variables))
        return answer

    assert (await run(intent, token))["status"] == "pending"
    assert (await run(show, token))["status"] == "pending"
    assert (await run(show, "nobody"))["status"] == 401
    async with connect(stack.info.mongo.uri, application="tests") as client:
        row = await client["gateway"]["outbox"].find_one({"subject": "demo-2"})
    assert row is not None
    assert row["data"]["userId"] == "auth0|ada"


async def test_the_client_s_example_books_and_waits(stack: Stack, tmp_path: Path) -> None:
    (example,) = [block for block in blocks("python") if "booking_client" in block]
    program = tmp_path / "book.py"
    program.write_text(example)
    token = Tokens(stack.layout).mint("auth0|ada")
    variables = {"GATEWAY": stack.info.gateway.url, "TOKEN": token, "PYTHONPATH": str(ROOT)}
    command = f".venv/bin/python {program}"
    printing = asyncio.create_task(output(command, variables, limit_s=STORIES_LIMIT_S))
    order = {"intentId": "demo-3", "userId": "auth0|ada", "amount": 12_000, "currency": "USD"}
    async with httpx.AsyncClient(trust_env=False) as http:
        paid = await http.post(f"{stack.info.provider.url}/charges", json=order)
    assert paid.status_code == 201, paid.text
    assert await printing == "confirmed ['settled']\n"


async def test_the_key_that_signs_is_its_owner_s_alone(stack: Stack, tmp_path: Path) -> None:
    key = stack.layout.data / "tokens" / "key.pem"
    assert key.stat().st_mode & 0o077 == 0
    command = f".venv/bin/python -m stack token --user ada --dir {tmp_path} 2>&1; echo $?"
    said, code = (await output(command, {})).splitlines()
    assert (code, "no stack was ever up here" in said) == ("1", True)


async def test_stories_are_told_with_a_token(stack: Stack) -> None:
    """Method: the command itself, on the stack that is up."""
    names = " ".join(STORIES)
    variables = {"STACK_JSON": str(stack.layout.info)}
    command = f".venv/bin/python -m scenarios run {names} --auth --json"
    told = await output(command, variables, limit_s=STORIES_LIMIT_S)
    assert {one["scenario"]: one["problems"] for one in orjson.loads(told)} == {
        name: [] for name in STORIES
    }

    async def holds() -> bool:
        return (await check(stack)).ok

    await eventually(holds)
