"""The table of queues and bindings stands, and stands again when somebody tore it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aio_pika
import pytest
from pamqp.common import FieldTable

from postbox.errors import BrokerUnavailable, TopologyMismatch
from postbox.mongo import Client, DatabaseClock, own_database
from postbox.rabbitmq import Declare, Topology
from postbox.rabbitmq.topology import DELIVERY_LIMIT, LOOKS_MAX
from postbox.runtime import Health
from postbox.service import topology_keeper
from postbox.service.topology_keeper import TopologyKeeper
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import broker, event_of
from tests.postbox.fake_service import Placed, topology

NOWHERE = "amqp://guest:guest@127.0.0.1:1/"


class Kept:
    """A keeper and its health."""

    def __init__(
        self,
        client: Client,
        space: Space,
        table: Topology | None = None,
        declare: Declare = "all",
    ) -> None:
        self.health = Health("broker")
        self.keeper = TopologyKeeper(
            table or topology(space),
            uri=space.rabbitmq_uri,
            name="shop",
            database=own_database(client),
            clock=DatabaseClock(client),
            health=self.health,
            declare=declare,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.keeper.prepare()
        stop = asyncio.Event()
        task = asyncio.create_task(self.keeper.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def is_ready(self) -> bool:
        try:
            self.keeper.require()
        except BrokerUnavailable:
            return False
        return not self.health.problems


async def test_queues_lose_nothing_by_their_arguments(client: Client, space: Space) -> None:
    """A queue that is declared with any other argument than these would be refused."""
    async with broker(space) as at:
        await at.channel.declare_queue(
            space.queue,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-dead-letter-exchange": f"{space.exchange}.dead",
                "x-dead-letter-routing-key": space.queue,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
                "x-delivery-limit": DELIVERY_LIMIT,
            },
        )
        set_aside: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": LOOKS_MAX}
        for name in (f"{space.queue}.dead", f"{space.exchange}.unrouted"):
            await at.channel.declare_queue(name, durable=True, arguments=set_aside)


@pytest.mark.fault(12, "a binding is missing")
async def test_a_binding_that_was_torn_is_declared_again(
    client: Client, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: an event that no queue wants is kept; within one interval the next ones flow again.

    Method: unbind the queue from the exchange, beside a keeper.
    """
    monkeypatch.setattr(topology_keeper, "INTERVAL_S", 0.3)
    kept = Kept(client, space)
    async with broker(space) as at, kept.running():
        await eventually(kept.is_ready)
        queue = await at.channel.get_queue(space.queue)
        await queue.unbind(space.exchange, routing_key=Placed.TYPE)
        lost = event_of(Placed("o1"))
        await at.publish(lost)  # confirmed: the alternate exchange has it
        unrouted = await at.channel.get_queue(f"{space.exchange}.unrouted")
        found = await unrouted.get(no_ack=True)
        assert found.message_id == lost.id

        async def flows() -> bool:
            await at.publish(event_of(Placed("o2")))
            return await at.count(space.queue) > 0

        await eventually(flows, every_s=0.1)


def test_the_interval_is_seconds() -> None:
    assert topology_keeper.INTERVAL_S <= 5


@pytest.mark.fault(32, "the names of queues and exchanges are another thing's")
@pytest.mark.parametrize("what", ["queue", "dead queue", "exchange", "dead exchange"])
async def test_what_is_in_the_way_of_a_start_is_named_and_left_alone(
    client: Client, space: Space, what: str
) -> None:
    """Goal: a start says what was found, and where. Method: the name is taken by another kind."""
    async with await aio_pika.connect(space.rabbitmq_uri) as connection:
        channel = await connection.channel()
        names = {"queue": space.queue, "exchange": space.exchange}
        names |= {f"dead {kind}": f"{name}.dead" for kind, name in names.items()}
        if "queue" in what:
            await channel.declare_queue(names[what], durable=True)
        else:
            await channel.declare_exchange(names[what], "headers", durable=True)
    kept = Kept(client, space)
    await kept.keeper.prepare()
    with pytest.raises(TopologyMismatch) as reported:
        await kept.keeper.run(asyncio.Event())
    assert f"'{names[what]}'" in str(reported.value)
    assert "delete it" in str(reported.value)
    assert "\n" not in str(reported.value)


async def test_a_queue_that_is_replaced_later_is_reported_until_it_is_mended(
    client: Client, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology_keeper, "INTERVAL_S", 0.1)
    kept = Kept(client, space)
    async with (
        kept.running(),
        await aio_pika.connect(space.rabbitmq_uri) as connection,
        connection.channel() as channel,
    ):
        await eventually(kept.is_ready)
        await channel.queue_delete(space.queue)
        await channel.declare_queue(space.queue, exclusive=True)

        async def is_reported() -> bool:
            return space.queue in kept.health.problems.get("broker", "")

        await eventually(is_reported)
        await channel.queue_delete(space.queue)
        await eventually(kept.is_ready)


async def test_work_is_accepted_once_the_table_stood_even_while_the_broker_is_away(
    client: Client, space: Space
) -> None:
    away = replace(space, rabbitmq_uri=NOWHERE)
    never = Kept(client, away)
    async with never.running():

        async def is_reported() -> bool:
            return "connecting to RabbitMQ" in never.health.problems["broker"]

        await eventually(is_reported)
        with pytest.raises(BrokerUnavailable):
            never.keeper.require()

    kept = Kept(client, space)
    async with kept.running():
        await eventually(kept.is_ready)

    later = Kept(client, away)
    async with later.running():
        later.keeper.require()

    table = topology(space)
    more = replace(table, queues={**table.queues, f"{space.name}.mail": [Placed.TYPE]})
    another = Kept(client, away, more)
    async with another.running():
        with pytest.raises(BrokerUnavailable):
            another.keeper.require()


def test_a_fingerprint_is_of_the_table_not_of_how_it_is_written() -> None:
    one = Topology(queues={"a": ["x", "y"], "b": ["z"]})
    assert one.fingerprint == Topology(queues={"b": ["z"], "a": ["y", "x"]}).fingerprint
    assert one.fingerprint != Topology(queues={"a": ["x"], "b": ["z", "y"]}).fingerprint
    assert one.fingerprint != Topology(exchange="other", queues=one.queues).fingerprint


async def test_a_table_that_is_only_checked_is_waited_for_and_never_made(
    client: Client, space: Space
) -> None:
    one = Kept(client, space, declare="check")
    async with one.running():

        async def is_missed() -> bool:
            return "no exchange" in one.health.problems.get("broker", "")

        await eventually(is_missed)
        with pytest.raises(BrokerUnavailable):
            one.keeper.require()
        async with broker(space):  # somebody else declares it
            await eventually(one.is_ready)


async def test_a_table_that_is_left_to_others_is_not_asked_for(
    client: Client, space: Space
) -> None:
    one = Kept(client, space, declare="none")
    async with one.running():
        await eventually(one.is_ready)
    async with await aio_pika.connect(space.rabbitmq_uri) as connection:
        channel = await connection.channel()
        with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
            await channel.declare_queue(space.queue, passive=True)
