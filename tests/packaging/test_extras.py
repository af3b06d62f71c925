"""Each part of the library, installed alone, works and says what it lacks."""

from collections.abc import Callable
from typing import Final

import pytest

from stack.servers.mongod import Mongod
from stack.servers.rabbitmq import RabbitMQ
from tests.packaging.conftest import Environment

Install = Callable[[str], Environment]
DISTRIBUTIONS_MAX: Final = 8
NOT_IN_THE_CORE: Final = (
    *("aio_pika", "aiormq", "pamqp", "structlog", "starlette", "uvicorn", "pydantic"),
    *("typer", "rich", "prometheus_client", "opentelemetry.sdk", "opentelemetry.instrumentation"),
    *("opentelemetry.metrics", "motor"),
)
ORDER_PLACED: Final = """
import asyncio, sys
from dataclasses import dataclass

@dataclass(frozen=True)
class OrderPlaced:
    TYPE = "order.placed"
    subject: str
    def data(self):
        return {"orderId": self.subject}
"""
WRITE_AN_EVENT: Final = """
from pymongo import AsyncMongoClient
from postbox import Outbox, transaction

async def main():
    async with AsyncMongoClient(sys.argv[1], tz_aware=True) as client:
        outbox = Outbox(client.get_default_database(), source="/services/shop")
        await outbox.prepare()
        async def place(session):
            return await outbox.add(session, OrderPlaced("o1"))
        ids = await transaction(client, place)
        row = await client.get_default_database()["outbox"].find_one({"_id": ids[0]})
        print(row["type"], row["subject"], row["state"])

asyncio.run(main())
"""
WRITE_AN_EVENT_SYNCHRONOUSLY: Final = """
from pymongo import MongoClient
from postbox.sync import Outbox, transaction

with MongoClient(sys.argv[1]) as client:
    outbox = Outbox(client.get_default_database(), source="/services/shop")
    outbox.prepare()
    ids = transaction(client, lambda session: outbox.add(session, OrderPlaced("o1")))
    row = client.get_default_database()["outbox"].find_one({"_id": ids[0]})
    print(row["type"], row["subject"], row["state"])
"""
WRITE_AN_EVENT_BY_MOTOR: Final = """
from motor.motor_asyncio import AsyncIOMotorClient
from postbox.motor import Outbox, transaction

async def main():
    client = AsyncIOMotorClient(sys.argv[1])
    outbox = Outbox(client.get_default_database(), source="/services/shop")
    await outbox.prepare()
    ids = await transaction(client, lambda session: outbox.add(session, OrderPlaced("o1")))
    row = await client.get_default_database()["outbox"].find_one({"_id": ids[0]})
    print(row["type"], row["subject"], row["state"])
    client.close()

asyncio.run(main())
"""
DECLARE_A_TOPOLOGY: Final = """
import asyncio, sys
from postbox import ConsumerOptions, Topology
from postbox.rabbitmq import connected

async def main():
    async with connected(sys.argv[1], name="test") as connection, connection.channel() as channel:
        await Topology(exchange="bare", queues={"bare.queue": ["order.placed"]}).declare(channel)
        print("declared")

asyncio.run(main())
"""
SERVE: Final = """
import asyncio, sys, urllib.request
from postbox import Service, Topology, run

def fetch(path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[3]}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()

async def main(stop):
    mongo_uri, rabbitmq_uri, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    topology = Topology(exchange="bare", queues={"bare.queue": ["order.placed"]})
    service = Service("bare", mongo_uri=mongo_uri, rabbitmq_uri=rabbitmq_uri, topology=topology)
    serving = asyncio.create_task(service.run(stop, host="127.0.0.1", port=port))
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.05)
            try:
                if (await asyncio.to_thread(fetch, "/readyz"))[0] == 200:
                    break
            except OSError:
                continue
    print(await asyncio.to_thread(fetch, "/metrics"))
    stop.set()
    await serving

run("bare", main)
"""


def missing(installed: Install, have: str, statement: str) -> str:
    """What `statement` says where only the extra `have` is installed: one line on its own."""
    done = installed(have).run("-c", f"try:\n  {statement}\nexcept ImportError as e:\n  print(e)")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return line


def test_the_core_brings_few_distributions_and_imports_nothing_of_the_others(
    installed: Install,
) -> None:
    core = installed("")
    assert len(core.distributions) <= DISTRIBUTIONS_MAX, core.distributions
    looked = core.run(
        "-c", f"import postbox, sys; print(set({NOT_IN_THE_CORE}) & set(sys.modules))"
    )
    assert looked.stdout.strip() == "set()", looked.stderr


@pytest.mark.parametrize(
    ("extra", "program"),
    [
        ("", WRITE_AN_EVENT),
        ("", WRITE_AN_EVENT_SYNCHRONOUSLY),
        ("motor", WRITE_AN_EVENT_BY_MOTOR),
    ],
)
def test_an_event_is_written_with_no_more_than_its_client(
    installed: Install, mongod: Mongod, extra: str, program: str
) -> None:
    done = installed(extra).run("-c", ORDER_PLACED + program, mongod.database("bare_core"))
    assert done.stdout.split() == ["order.placed", "o1", "pending"], done.stderr


@pytest.mark.parametrize(
    ("have", "statement", "extra"),
    [
        ("", "from postbox import Topology", "rabbitmq"),
        ("", "from postbox import ConsumerOptions", "rabbitmq"),
        ("", "from postbox import Service", "service"),
        ("", "import postbox.motor", "motor"),
        ("", "import postbox.integrations.faststream", "faststream"),
        ("", "import postbox.integrations.celery", "celery"),
        ("", "import postbox.operations", "rabbitmq"),
        ("", "import postbox.cli", "cli"),
        ("rabbitmq", "from postbox import Service", "service"),
        ("rabbitmq", "import postbox.cli", "cli"),
        ("rabbitmq", "from postbox.console import main; main()", "console"),
    ],
)
def test_a_part_whose_extra_is_missing_names_it(
    installed: Install, have: str, statement: str, extra: str
) -> None:
    assert f"pip install 'postbox-mongo[{extra}]'" in missing(installed, have, statement)


@pytest.mark.parametrize(
    ("program", "extra"),
    [("postbox", "cli"), ("postbox.console", "console"), ("relay", "relay")],
)
def test_a_program_whose_extra_is_missing_says_so_in_one_line(
    installed: Install, program: str, extra: str
) -> None:
    done = installed("").run("-m", program, "--help")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"pip install 'postbox-mongo[{extra}]'" in line


def test_rabbitmq_alone_declares_a_topology(installed: Install, rabbitmq: RabbitMQ) -> None:
    done = installed("rabbitmq").run("-c", DECLARE_A_TOPOLOGY, rabbitmq.uri)
    assert done.stdout.strip() == "declared", done.stderr


def test_service_alone_serves_and_says_that_it_has_no_metrics(
    installed: Install, mongod: Mongod, rabbitmq: RabbitMQ, free_port: int
) -> None:
    uris = (mongod.database("bare_service"), rabbitmq.uri)
    done = installed("service").run("-c", SERVE, *uris, str(free_port))
    assert done.returncode == 0, done.stderr
    assert "501" in done.stdout
    assert "postbox-mongo[telemetry]" in done.stdout


def test_a_program_that_is_to_export_without_the_sdk_does_not_start(installed: Install) -> None:
    program = "import postbox; postbox.run('bare', lambda stop: None)"
    done = installed("service").run(
        "-c", program, variables={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in line
    assert "postbox-mongo[telemetry]" in line


def test_relay_alone_reads_its_settings(installed: Install) -> None:
    assert "RELAY_SOURCES" in installed("relay").run("-m", "relay", "--help").stdout
    done = installed("relay").run("-m", "relay")
    assert done.returncode == 1
    assert "RELAY_SOURCES: not set" in done.stderr


def test_console_alone_has_its_pages_and_files(installed: Install) -> None:
    console = installed("console")
    assert "CONSOLE_SOURCES" in console.run("-m", "postbox", "console", "--help").stdout
    looked = console.run(
        "-c",
        "from postbox.console.pages import Pages, STATIC;"
        " print(len(Pages(str)._templates.list_templates()));"
        " print(*(path.name for path in STATIC.iterdir()))",
    )
    assert {"console.css", "console.js", "htmx.min.js", "htmx.LICENSE.txt"} <= set(
        looked.stdout.split()
    ), looked.stderr
    assert int(looked.stdout.split()[0]) >= 10


def test_cli_alone_looks_at_an_outbox(installed: Install, mongod: Mongod) -> None:
    listing = installed("cli").run(
        "-m", "postbox", "outbox", "list",
        variables={"RELAY_SOURCES": f"shop={mongod.database('bare_cli')}"},
    )  # fmt: skip
    assert listing.returncode == 1, listing.stderr  # an empty outbox: nothing matched
