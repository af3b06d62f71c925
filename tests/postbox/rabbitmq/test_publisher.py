"""Publishing in batches: every message gets its own outcome, and none is taken for another's."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractQueue
from aiormq.abc import AbstractChannel as RawChannel
from pamqp.common import FieldTable

from postbox.errors import BrokerUnavailable
from postbox.rabbitmq import Outcome, Outgoing, Publisher, raw_channel
from stack.servers.rabbitmq import RabbitMQ
from tests.conftest import Space
from tests.eventually import eventually

QUORUM: FieldTable = {"x-queue-type": "quorum"}


class Outcomes:
    """What the broker made of each message."""

    def __init__(self) -> None:
        self.of: dict[str, Outcome] = {}

    def settled(self, message: Outgoing, outcome: Outcome) -> None:
        assert message.message_id not in self.of, "settled twice"
        self.of[message.message_id] = outcome

    async def reach(self, count: int) -> Counter[Outcome]:
        async def are_all_known() -> bool:
            return len(self.of) == count

        await eventually(are_all_known)
        return Counter(self.of.values())


@pytest.fixture
async def channel(rabbitmq: RabbitMQ) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(rabbitmq.uri) as connection:
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)


@pytest.fixture
async def raw(channel: AbstractChannel) -> RawChannel:
    return await raw_channel(channel)


@pytest.fixture
async def publisher(raw: RawChannel) -> Publisher:
    return Publisher(raw)


@pytest.fixture
async def queue(channel: AbstractChannel, space: Space) -> AbstractQueue:
    return await channel.declare_queue(space.queue, durable=True, arguments=QUORUM)


def messages(count: int, routing_key: str, body: bytes = b"{}") -> list[Outgoing]:
    return [
        Outgoing(
            exchange="",
            routing_key=routing_key,
            message_id=str(number),
            body=body,
            content_type="application/json",
            type="thing.made",
            headers={"traceparent": "00-1-2-01"},
        )
        for number in range(count)
    ]


async def held(queue: AbstractQueue) -> int:
    return (await queue.declare()).message_count or 0


async def test_a_batch_arrives_whole_and_in_order(
    publisher: Publisher, queue: AbstractQueue
) -> None:
    outcomes = Outcomes()
    await publisher.send(messages(300, queue.name), outcomes.settled)
    assert await outcomes.reach(300) == {Outcome.CONFIRMED: 300}
    for number in range(300):
        message = await queue.get(no_ack=True)
        assert message is not None
        assert message.message_id == str(number)
    assert message.body == b"{}"
    assert message.type == "thing.made"
    assert message.content_type == "application/json"
    assert message.headers["traceparent"] == "00-1-2-01"
    assert message.delivery_mode is aio_pika.DeliveryMode.PERSISTENT


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_065, 400_000])
async def test_a_body_of_any_size_arrives(
    publisher: Publisher, queue: AbstractQueue, size: int
) -> None:
    body = os.urandom(size)
    outcomes = Outcomes()
    await publisher.send(messages(2, queue.name, body), outcomes.settled)
    assert await outcomes.reach(2) == {Outcome.CONFIRMED: 2}
    message = await queue.get(no_ack=True)
    assert message is not None
    assert message.body == body


async def test_each_message_of_a_batch_has_its_own_outcome(
    publisher: Publisher, queue: AbstractQueue
) -> None:
    mixed = messages(9, queue.name)
    for place in (0, 4, 8):
        mixed[place] = Outgoing(
            exchange="",
            routing_key="no.such.queue",
            message_id=f"lost {place}",
            body=b"",
            content_type="text/plain",
        )
    outcomes = Outcomes()
    await publisher.send(mixed, outcomes.settled)
    await outcomes.reach(9)
    returned = {name for name, one in outcomes.of.items() if one is Outcome.RETURNED}
    assert returned == {"lost 0", "lost 4", "lost 8"}
    assert set(outcomes.of.values()) == {Outcome.RETURNED, Outcome.CONFIRMED}


async def test_a_returned_message_is_never_confirmed_whatever_the_channel_is_set_to(
    rabbitmq: RabbitMQ,
) -> None:
    async with await aio_pika.connect(rabbitmq.uri) as connection:
        lenient = await connection.channel(publisher_confirms=True, on_return_raises=False)
        outcomes = Outcomes()
        publisher = Publisher(await raw_channel(lenient))
        await publisher.send(messages(1, "no.such.queue"), outcomes.settled)
        assert await outcomes.reach(1) == {Outcome.RETURNED: 1}


async def test_a_full_queue_refuses(channel: AbstractChannel, space: Space) -> None:
    limits: FieldTable = {**QUORUM, "x-max-length": 1, "x-overflow": "reject-publish"}
    queue = await channel.declare_queue(space.queue, durable=True, arguments=limits)
    publisher = Publisher(await raw_channel(channel))

    async def is_refused() -> bool:
        outcomes = Outcomes()
        await publisher.send(messages(1, queue.name), outcomes.settled)
        return await outcomes.reach(1) == {Outcome.NACKED: 1}

    await eventually(is_refused)


async def test_the_same_id_may_be_sent_again_once_it_is_settled(
    publisher: Publisher, queue: AbstractQueue
) -> None:
    for _ in range(3):
        outcomes = Outcomes()
        await publisher.send(messages(5, queue.name), outcomes.settled)
        assert await outcomes.reach(5) == {Outcome.CONFIRMED: 5}
    assert await held(queue) == 15


async def test_a_batch_that_is_cancelled_before_it_was_sent_shifts_no_confirm(
    publisher: Publisher,
    raw: RawChannel,
    queue: AbstractQueue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Goal: confirms stay with their messages. Method: a batch has to wait for the
    connection's queue and is cancelled there; what is sent next gets the tags that it gave back."""
    blocked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def never(_: object) -> None:
        await blocked

    monkeypatch.setattr(raw.connection.write_queue, "put", never)
    sending = asyncio.ensure_future(publisher.send(messages(2, "no.such.queue"), lambda *_: None))
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.wait([sending])
    monkeypatch.undo()

    after = Outcomes()
    await publisher.send(messages(4, queue.name), after.settled)
    assert await after.reach(4) == {Outcome.CONFIRMED: 4}
    assert await held(queue) == 4


async def test_a_closed_channel_is_unavailable(
    publisher: Publisher, channel: AbstractChannel, queue: AbstractQueue
) -> None:
    closing = asyncio.ensure_future(publisher.closed())
    await channel.close()
    await asyncio.wait_for(closing, 5)
    assert publisher.is_closed
    with pytest.raises(BrokerUnavailable):
        await publisher.send(messages(1, queue.name), lambda *_: None)
    with pytest.raises(BrokerUnavailable):
        await publisher.publish(messages(1, queue.name)[0], timeout_s=1)


async def test_publish_waits_for_its_confirm(publisher: Publisher, queue: AbstractQueue) -> None:
    await publisher.publish(messages(1, queue.name)[0], timeout_s=5)
    assert await held(queue) == 1
    with pytest.raises(BrokerUnavailable, match="returned"):
        await publisher.publish(messages(1, "no.such.queue")[0], timeout_s=5)


async def test_publish_gives_up_on_a_broker_that_is_frozen(
    publisher: Publisher, queue: AbstractQueue, rabbitmq: RabbitMQ
) -> None:
    pid = rabbitmq.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(BrokerUnavailable, match="no confirm within"):
            await publisher.publish(messages(1, queue.name)[0], timeout_s=0.3)
    finally:
        os.kill(pid, signal.SIGCONT)
