"""A desk for each test, on the session's real servers."""

from collections.abc import AsyncIterator

import aio_pika
import pytest

from postbox.mongo import Client, DatabaseClock, own_database
from postbox.outbox import Outbox
from postbox.rabbitmq import Topology
from tests.cli.desk import TYPE, Desk
from tests.conftest import Space


@pytest.fixture
async def desk(space: Space, client: Client) -> AsyncIterator[Desk]:
    await Outbox(own_database(client), source="", clock=DatabaseClock(client)).prepare()
    async with await aio_pika.connect(space.rabbitmq_uri) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await Topology(exchange=space.exchange, queues={space.queue: [TYPE]}).declare(channel)
        yield Desk(space, client, channel)
