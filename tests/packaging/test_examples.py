"""Each example runs as its README says where its README's `pip install` is all there is."""

import asyncio
import shlex
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from postbox.rabbitmq import connected
from stack.servers.rabbitmq import RabbitMQ
from tests.eventually import eventually
from tests.examples.conftest import shop_harness  # noqa: F401 - a fixture
from tests.examples.shop_process import running
from tests.packaging.conftest import ROOT, Environment
from tests.relay.harness import RelayHarness

EXAMPLES: Final = ROOT / "examples"


def words_of_readme(example: str, *beginnings: str) -> list[str]:
    """Of the first line of the README that has one of `beginnings`."""
    lines = (EXAMPLES / example / "README.md").read_text().splitlines()
    return shlex.split(next(line for line in lines if line.startswith(beginnings)), comments=True)


@pytest.fixture
async def queues_of_the_fastapi_shop(rabbitmq: RabbitMQ) -> AsyncIterator[None]:
    yield
    async with connected(rabbitmq.uri, name="test") as link, link.channel() as channel:
        for queue in ("shop.billing", "shop.mail"):
            await channel.queue_delete(queue)
            await channel.queue_delete(f"{queue}.dead")


@pytest.mark.usefixtures("queues_of_the_fastapi_shop")
@pytest.mark.parametrize(
    ("example", "emitted"),
    [
        ("fastapi_shop", ["order.placed", "order.billed"]),
        ("flask_shop", ["order.placed"]),
        ("motor_shop", ["order.placed"]),
    ],
)
async def test_an_example_runs_with_what_its_readme_installs(
    shop_harness: RelayHarness,  # noqa: F811
    wheel: Path,
    tmp_path: Path,
    example: str,
    emitted: list[str],
) -> None:
    _, _, *requirements = words_of_readme(example, "pip install ")
    program, *arguments = words_of_readme(example, "uvicorn ", "flask ")
    environment = await asyncio.to_thread(Environment, tmp_path / "venv", wheel, requirements)
    command = (str(environment.program(program)), *arguments)
    shop_folder = shutil.copytree(EXAMPLES / example, tmp_path / example)

    async def is_published() -> bool:
        rows = shop_harness.rows.find({"state": "published"}).sort("time")
        return [row["type"] async for row in rows] == emitted

    async with running(shop_harness, command, at=shop_folder) as shop, shop_harness.relaying():
        assert (await shop.put("o1")).is_success
        await eventually(is_published)
    assert len(await shop_harness.pull()) == len(emitted)
