"""Users with the least rights at the broker, and names that are another team's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aio_pika
import pytest

from postbox.events.cloudevents import encode
from postbox.mongo import Client
from postbox.operations import redrive
from postbox.operations.redrive import ALL
from postbox.rabbitmq import REASON, Topology
from stack.servers.mongod import Mongod
from stack.servers.rabbitmq import RabbitMQ
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import event_of
from tests.postbox.fake_service import FakeService, Placed
from tests.relay.harness import RelayHarness

NOTHING = "^$"


async def user(rabbitmq: RabbitMQ, name: str, *, write: str, read: str) -> str:
    """The URI of a user who may configure nothing."""
    await rabbitmq.ctl("add_user", name, "secret")
    await rabbitmq.ctl("set_permissions", name, NOTHING, f"^{write}$", f"^{read}$")
    return rabbitmq.uri.replace("guest:guest", f"{name}:secret")


@pytest.fixture
async def table(space: Space) -> AsyncIterator[Topology]:
    """A table with names of its own throughout, as somebody else made it."""
    table = Topology(
        exchange=space.exchange,
        queues={space.queue: [Placed.TYPE]},
        dead_exchange=f"{space.name}.failures",
        unrouted_exchange=f"{space.exchange}.lost",
        dead_queues={space.queue: f"{space.queue}.failures"},
    )
    async with await aio_pika.connect(space.rabbitmq_uri) as connection:
        channel = await connection.channel()
        await table.declare(channel)
        yield table
        for queue in table.for_people:
            await channel.queue_delete(queue)
        for exchange in (table.dead, table.unrouted):
            await channel.exchange_delete(exchange)


async def test_a_consumer_needs_to_read_its_queue_and_to_write_its_dead_letters(
    client: Client, space: Space, table: Topology, rabbitmq: RabbitMQ
) -> None:
    """Goal: it applies, sets aside and is redriven to, by names that are not ours."""
    rights = {"write": table.dead.replace(".", "[.]"), "read": space.queue.replace(".", "[.]")}
    uri = await user(rabbitmq, space.name, **rights)
    async with await aio_pika.connect(space.rabbitmq_uri) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(space.exchange, ensure=False)
        event = event_of(Placed("o1"))
        await exchange.publish(aio_pika.Message(b"poison", message_id="m1"), Placed.TYPE)
        service = FakeService(
            client, replace(space, rabbitmq_uri=uri), table=table, declare="check"
        )
        async with service.open():
            dead = await channel.declare_queue(table.dead_queue(space.queue), passive=True)

            async def is_set_aside() -> bool:
                found = await redrive.find(space.rabbitmq_uri, dead.name)
                return [letter.reason for letter in found.messages] == ["malformed"]

            await eventually(is_set_aside)
            done: list[str] = []
            await redrive.redrive(
                space.rabbitmq_uri, dead.name, ALL, done=lambda letter: done.append(letter.id)
            )
            await eventually(is_set_aside)  # it is as bad as it was
            assert done == ["m1"]
            body = aio_pika.Message(encode(event), message_id=event.id)
            await exchange.publish(body, Placed.TYPE)

            async def is_applied() -> bool:
                return await service.totals() == {"o1": 1}

            await eventually(is_applied)
        letter = await dead.get(no_ack=True)
        assert letter.headers[REASON] == "malformed"


async def test_a_relay_needs_to_write_to_the_exchange_alone(
    mongod: Mongod, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    async with RelayHarness(mongod, rabbitmq, tmp_path) as harness:
        uri = await user(rabbitmq, harness.name, write="events", read="$")
        async with harness.relaying(rabbitmq_uri=uri, declare="check"):
            await harness.delivered(await harness.add(3))
