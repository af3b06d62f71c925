"""Neither server's absence loses an event, repeats an effect or dead-letters anything."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from postbox.consumer.delivery import Delivery
from postbox.consumer.subscription import SETTLE_TIMEOUT_S, Subscription
from postbox.errors import BrokerUnavailable
from postbox.mongo import Client, transaction
from postbox.mongo.transactions import TIMEOUT_S
from postbox.rabbitmq import connected, raw_channel
from stack.servers.mongod import Mongod
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import broker, event_of
from tests.postbox.consumer.test_consumer import is_applied
from tests.postbox.failpoints import failing, short_lived_transactions
from tests.postbox.fake_service import QUICK, FakeService, Placed, slowed
from tests.postbox.tcp_proxy import tcp_proxy

UNAUTHORIZED, OUT_OF_DISK_SPACE = 13, 14031
DELIVERIES = 100
REFUSED: dict[str, Any] = {"errorCode": 251, "errorLabels": []}  # not tried again within


@asynccontextmanager
async def killed(mongod: Mongod) -> AsyncIterator[None]:
    await mongod.kill()
    try:
        yield
    finally:
        await mongod.start()


@asynccontextmanager
async def frozen(mongod: Mongod) -> AsyncIterator[None]:
    assert mongod.pid is not None
    os.kill(mongod.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(mongod.pid, signal.SIGCONT)


Outage = Callable[[Mongod], AbstractAsyncContextManager[None]]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction is out of time after half a second rather than five."""
    defaults: dict[str, float] = transaction.__kwdefaults__ or {}
    assert defaults["timeout_s"] == TIMEOUT_S
    monkeypatch.setitem(defaults, "timeout_s", 0.5)


def reported(service: FakeService, what: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return what in service.health.problems.get("consumer", "")

    return look


@pytest.mark.fault(8, "mongod is killed, or frozen, and comes back")
@pytest.mark.parametrize("outage", [killed, frozen])
async def test_while_the_database_is_away_consuming_waits(
    client: Client, space: Space, mongod: Mongod, outage: Outage, impatient: None
) -> None:
    """Goal: every event counts once; nothing is dead-lettered, nothing counted as a failed try.

    Method: events before, during and after the outage of the real mongod.
    """
    async with AsyncExitStack() as during:
        at = await during.enter_async_context(broker(space))
        await during.enter_async_context(short_lived_transactions(space.mongo_uri))
        service = await during.enter_async_context(FakeService(client, space).open())
        await at.publish(*(event_of(Placed("o1")) for _ in range(30)))
        async with outage(mongod):
            await at.publish(*(event_of(Placed("o1")) for _ in range(30)))
            await eventually(reported(service, "the database is unavailable"))
        await at.publish(*(event_of(Placed("o1")) for _ in range(30)))
        await is_applied(service, at, 90)
        assert await service.totals() == {"o1": 90}
        assert service.health.problems == {}
        assert await at.count(f"{space.queue}.dead") == 0


@pytest.mark.parametrize("code", [UNAUTHORIZED, OUT_OF_DISK_SPACE])
async def test_a_database_that_refuses_us_is_no_messages_fault(
    client: Client, space: Space, code: int
) -> None:
    """Goal: nothing is dead-lettered however long it lasts, and it is told of all the while."""
    async with broker(space) as at, FakeService(client, space).open() as service:
        async with failing(space.mongo_uri, "find", "insert", errorCode=code):
            await at.publish(*(event_of(Placed("o1")) for _ in range(10)))
            await eventually(reported(service, "the database is unavailable"))
            for _ in range(20):
                await asyncio.sleep(QUICK.database_retry_s / 10)
                assert service.health.problems
        await is_applied(service, at, 10)
        assert service.health.problems == {}
        assert await service.totals() == {"o1": 10}
        assert await at.count(f"{space.queue}.dead") == 0


async def test_an_acknowledgement_on_a_connection_that_ends_is_given_up(space: Space) -> None:
    """Goal: the consumer finds a new connection. Method: more single acknowledgements than wait for
    being written, on a line that is cut at that moment: they never are."""
    async with broker(space) as at, tcp_proxy(space.rabbitmq_uri) as line:
        await at.publish(*(event_of(Placed("o1")) for _ in range(DELIVERIES)))
        async with connected(line.uri, name="test") as connection:
            channel = await raw_channel(await connection.channel())
            subscription: Subscription[Placed] = Subscription(
                channel, space.queue, prefetch=DELIVERIES
            )
            await subscription.resume()

            arrived: list[Delivery[Placed]] = []

            async def have_arrived() -> bool:
                arrived.extend(subscription.take(DELIVERIES, lambda _: True))
                return len(arrived) == DELIVERIES

            await eventually(have_arrived)
            _, *later = arrived
            line.cut()
            with pytest.raises(BrokerUnavailable):
                await asyncio.wait_for(subscription.settle(later), 2 * SETTLE_TIMEOUT_S)


async def test_a_database_that_answers_but_cannot_commit_is_asked_calmly(
    client: Client, space: Space
) -> None:
    """And a stop in the middle of it is heard: what was not applied goes back."""
    async with broker(space) as at:
        async with failing(space.mongo_uri, "commitTransaction", **REFUSED):
            async with FakeService(client, space).open() as service:
                began = monotonic()
                await at.publish(event_of(Placed("o1")))

                async def was_tried_often() -> bool:
                    return len(service.batches) >= 4

                await eventually(was_tried_often)
                assert monotonic() - began > 3 * QUICK.database_retry_s / 2
                began = monotonic()
            assert monotonic() - began < 1
        await at.waits(space.queue, count=1)
        async with FakeService(client, space).open() as service:
            await is_applied(service, at, 1)
            assert await service.totals() == {"o1": 1}


@pytest.mark.fault(10, "the broker's connection breaks in the middle of a batch")
async def test_a_connection_that_breaks_in_mid_batch_repeats_nothing(
    client: Client, space: Space
) -> None:
    """Goal: the batch commits, its acknowledgement is lost, and its redelivery is a duplicate.

    Method: a slow handler behind a TCP link that is cut while it works.
    """
    async with broker(space) as at, tcp_proxy(space.rabbitmq_uri) as line:
        through = replace(space, rabbitmq_uri=line.uri)
        async with FakeService(client, through, wrap=slowed(0.2)).open() as service:
            await at.publish(*(event_of(Placed("o1")) for _ in range(10)))

            async def is_working() -> bool:
                return bool(service.batches)

            await eventually(is_working)
            line.cut()
            await is_applied(service, at, 10)
            assert await service.totals() == {"o1": 10}
            handled = [one.event.id for batch in service.batches for one in batch]
            assert len(handled) == len(set(handled)) == 10
        assert await at.count(f"{space.queue}.dead") == 0


async def test_a_broker_that_is_away_for_a_while_is_found_again(
    client: Client, space: Space
) -> None:
    async with broker(space) as at, tcp_proxy(space.rabbitmq_uri) as line:
        through = replace(space, rabbitmq_uri=line.uri)
        async with FakeService(client, through).open() as service:
            line.down()
            await at.publish(event_of(Placed("o1")))
            await eventually(reported(service, "connecting to RabbitMQ"))
            line.up()
            await is_applied(service, at, 1)
            await service.is_open()


async def test_with_both_servers_in_trouble_a_batch_is_given_up_as_a_whole(
    client: Client, space: Space
) -> None:
    """Not message by message, as if each of them was to blame."""
    async with broker(space) as at, tcp_proxy(space.rabbitmq_uri) as line:
        through = replace(space, rabbitmq_uri=line.uri)
        await at.publish(*(event_of(Placed(f"o{number}")) for number in range(20)))
        async with FakeService(client, through, wrap=slowed(0.2)).open() as service:
            async with failing(space.mongo_uri, "commitTransaction", **REFUSED):

                async def is_working() -> bool:
                    return bool(service.batches)

                await eventually(is_working)
                line.down()
                await eventually(reported(service, "connecting to RabbitMQ"))
            line.up()
            await is_applied(service, at, 20)
            assert min(len(batch) for batch in service.batches) > 1
        assert await at.count(f"{space.queue}.dead") == 0


async def test_a_queue_that_somebody_deleted_is_made_again(client: Client, space: Space) -> None:
    async with broker(space) as at, FakeService(client, space).open() as service:
        await at.channel.queue_delete(space.queue)
        await eventually(reported(service, "lost the channel"))
        await service.is_open()
        await at.publish(event_of(Placed("o1")))
        await is_applied(service, at, 1)


async def test_a_queue_that_has_forgotten_its_consumers_is_consumed_again(
    client: Client, space: Space
) -> None:
    """Goal: neither of two consumers waits forever. Method: the queue is deleted and made again at
    once, of which RabbitMQ 3.10 tells them nothing; the second looks when the first is back.
    """
    quick, calm = (replace(QUICK, touch_every_s=seconds) for seconds in (0.1, 0.5))
    published = 0
    async with (
        broker(space) as at,
        FakeService(client, space, options=quick).open() as one,
        FakeService(client, space, options=calm).open() as other,
    ):
        await at.channel.queue_delete(space.queue)
        await one.topology.declare(at.channel)

        async def both_work() -> bool:
            nonlocal published
            await at.publish(event_of(Placed("o1")))
            published += 1
            return bool(one.batches and other.batches)

        await eventually(both_work, every_s=0.05)
        await is_applied(one, at, published)
        assert await one.totals() == {"o1": published}
        assert await at.count(f"{space.queue}.dead") == 0


async def test_an_idle_consumer_that_renews_its_subscription_misses_nothing(
    client: Client, space: Space
) -> None:
    """Method: events at ever other moments of many renewals."""
    options = replace(QUICK, touch_every_s=0.02)
    async with broker(space) as at, FakeService(client, space, options=options).open() as service:
        for number in range(40):
            await asyncio.sleep(0.03 + 0.001 * number)
            await at.publish(event_of(Placed("o1")))
            assert not service.health.problems
        await is_applied(service, at, 40)
        assert await service.totals() == {"o1": 40}


async def test_stopping_takes_no_longer_than_the_batch_at_hand(
    client: Client, space: Space
) -> None:
    async with broker(space) as at:
        async with FakeService(client, space).open():
            began = monotonic()
        assert monotonic() - began < 1
        await at.publish(event_of(Placed("o1")))
        service = FakeService(client, space)
        await service.prepare()
        stop = asyncio.Event()
        stop.set()
        await service.consumer.run(stop)
        assert await at.count(space.queue) == 1
