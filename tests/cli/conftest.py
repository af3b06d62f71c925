"""A harness for each test, on the session's real servers."""

from collections.abc import AsyncIterator

import aio_pika
import pytest

from postbox.mongo import Client, DatabaseClock, own_database
from postbox.outbox import Outbox
from postbox.rabbitmq import Topology
from tests.cli.harness import TYPE, CliHarness
from tests.conftest import Space


@pytest.fixture
async def harness(space: Space, client: Client) -> AsyncIterator[CliHarness]:
    await Outbox(own_database(client), source="/test", clock=DatabaseClock(client)).prepare()
    async with await aio_pika.connect(space.rabbitmq_uri) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await Topology(exchange=space.exchange, queues={space.queue: [TYPE]}).declare(channel)
        yield CliHarness(space, client, channel)
