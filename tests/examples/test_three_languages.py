"""One flow through the relay: a producer in Node, a handler of FastStream and a task of Celery."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from postbox.mongo import Client, own_database
from tests.eventually import eventually
from tests.examples import test_celery_mail as celery
from tests.examples import test_faststream_mail as faststream
from tests.examples.programs import LIMIT_S, NEEDS_NODE, running, site
from tests.relay.harness import RelayHarness

pytestmark = NEEDS_NODE
PRODUCER: Final = ("node", "--import", "./crash.mjs", "producer.mjs")
QUEUES: Final = ("mail", "mail.dead", "written", "written.dead", *celery.QUEUES)
ORDERS: Final = ["o1", "o2"]
COMMITTED: Final = "transaction.committed"
KILLED_BEFORE_ACK: Final = 2
"""The bridge sends one task again, and the worker gets one again: it says so of each."""


async def place(order: str, *, at: Path, uri: str, log: Path) -> None:
    """The producer dies once it has committed, and is asked again."""
    command = (*PRODUCER, order, "5")
    async with running(*command, at=at, log=log, crash_at="placed", MONGO_URI=uri) as killed:
        await killed.is_killed()
    async with running(*command, at=at, log=log, MONGO_URI=uri) as again:
        await again.said(f"{order} was placed before")


@asynccontextmanager
async def killed_once(
    command: Sequence[str], crash_at: str, *, at: Path, log: Path, **variables: str
) -> AsyncIterator[None]:
    """A program that kills itself there, and is started again; killed at the end."""
    done = asyncio.Event()

    async def lives() -> None:
        async with running(*command, at=at, log=log, crash_at=crash_at, **variables) as first:
            await first.is_killed()
        async with running(*command, at=at, log=log, **variables) as again:
            await done.wait()
            assert again.process.returncode is None, again.log

    async with asyncio.TaskGroup() as group:
        group.create_task(lives())
        yield
        done.set()


@pytest.mark.fault(2, "one flow, in which each of three programs is killed after a commit")
async def test_every_event_once_in_effect(
    shop_harness: RelayHarness, client: Client, mongo_uri: str, node: Path, tmp_path: Path
) -> None:
    """Goal: of every order, a mail by FastStream with its event, and a mail by Celery, once each.

    Method: SIGKILL of the producer, of FastStream and of the worker after a commit, and of the
    bridge once a task is confirmed; all are started again.
    """
    harness, mails = shop_harness, own_database(client)["mails"]
    shop = {"MONGO_URI": harness.source.uri, "RABBITMQ_URI": harness.rabbitmq.uri}
    tasks = {
        "MONGO_URI": mongo_uri,
        "RABBITMQ_URI": harness.rabbitmq.uri,
        "CELERY_BROKER": harness.rabbitmq.uri,
    }

    async def is_done() -> bool:
        rows = harness.rows.find({"state": "published"}).sort(["type", "subject"])
        found = [(row["type"], row["subject"]) async for row in rows]
        expected = [(type_, one) for type_ in ("mail.written", "order.placed") for one in ORDERS]
        assert found == expected
        assert await harness.database["mails"].distinct("_id") == ORDERS
        assert await mails.distinct("_id") == ORDERS
        assert (tmp_path / "worker").read_text().count("'duplicate'") == KILLED_BEFORE_ACK
        return True

    async with site(harness.rabbitmq, *QUEUES) as broker:
        for queue in ("mail", "celery_mail"):
            await broker.declare(queue, "order.placed")
        await broker.declare("written", "mail.written")
        async with (
            harness.relaying(),
            killed_once(
                faststream.PROGRAM, COMMITTED, at=faststream.AT, log=tmp_path / "mail", **shop
            ),
            killed_once(
                celery.BRIDGE, "bridge.sent", at=celery.AT, log=tmp_path / "bridge", **tasks
            ),
            killed_once(celery.WORKER, COMMITTED, at=celery.AT, log=tmp_path / "worker", **tasks),
        ):
            for order in ORDERS:
                log = tmp_path / order
                await place(order, at=node, uri=harness.source.uri, log=log)
            await eventually(is_done, limit_s=LIMIT_S)
        assert await broker.waiting("mail.dead") == await broker.waiting("celery_mail.dead") == 0
