"""Every event of a queue is applied once in effect, however often and to whomever it comes."""

from dataclasses import replace

import pytest

from postbox.mongo import Client, own_database
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import Broker, broker, event_of
from tests.postbox.fake_service import QUICK, FakeService, Placed, slowed
from tests.postbox.processes import shop_process


async def is_applied(service: FakeService, broker: Broker, count: int) -> None:
    """Returns once the inbox holds `count` events and the broker waits for no acknowledgement."""

    async def look() -> bool:
        found = await service.applied()
        assert found == count, f"{found} of {count} events are applied"
        return True

    await eventually(look)
    await broker.waits(service.queue, count=0)


async def test_repeats_in_one_batch_count_once(client: Client, space: Space) -> None:
    first, second = event_of(Placed("o1", 2)), event_of(Placed("o1", 3))
    async with broker(space) as at:
        await at.publish(first, second, first, first, second)
        async with FakeService(client, space).open() as service:
            await is_applied(service, at, 2)
            assert await service.totals() == {"o1": 5}
            assert sorted(await service.emitted()) == [("o1", 2), ("o1", 5)]
            assert [len(batch) for batch in service.batches] == [2]
        assert await at.count(f"{space.queue}.dead") == 0


async def test_repeats_in_later_batches_count_once(client: Client, space: Space) -> None:
    event = event_of(Placed("o1", 2))
    async with broker(space) as at:
        async with FakeService(client, space).open() as service:
            for number in range(3):
                # One that comes later is applied later, so the repeat before it has been seen to.
                await at.publish(event, event_of(Placed(f"later-{number}")))
                await is_applied(service, at, 2 + number)
            assert await service.total("o1") == 2
            assert ("o1", 2) in await service.emitted()
            handled = [one.event.id for batch in service.batches for one in batch]
            assert handled.count(event.id) == 1
        await at.waits(space.queue, count=0)
        assert await at.count(f"{space.queue}.dead") == 0


async def test_what_has_arrived_shares_transactions_up_to_a_bound(
    client: Client, space: Space
) -> None:
    options = replace(QUICK, batch_max=64, prefetch=256)
    async with broker(space) as at:
        await at.publish(*(event_of(Placed(f"o{number}")) for number in range(200)))
        async with FakeService(client, space, options=options, wrap=slowed(0.05)).open() as service:
            await is_applied(service, at, 200)
            sizes = [len(batch) for batch in service.batches]
    assert max(sizes) == 64
    assert len(sizes) <= 8


async def test_later_events_of_a_batch_see_what_earlier_ones_did(
    client: Client, space: Space
) -> None:
    async with broker(space) as at:
        await at.publish(*(event_of(Placed("o1")) for _ in range(20)))
        async with FakeService(client, space).open() as service:
            await is_applied(service, at, 20)
            assert await service.totals() == {"o1": 20}
            counts = sorted(total for _, total in await service.emitted())
            assert counts == list(range(1, 21))


@pytest.mark.fault(5, "two consumers, one event")
async def test_two_processes_that_get_the_same_events_apply_each_once(
    client: Client, space: Space
) -> None:
    """Goal: one effect an event, and every delivery acknowledged.

    Method: two processes consume one queue, in which every event stands twice in a row, so that the
    broker gives one copy to each; all orders share few documents, so that they also conflict.
    """
    events = [event_of(Placed(f"o{number % 5}")) for number in range(150)]
    async with broker(space) as at:
        async with (
            shop_process(space, slow_s=0.02) as one,
            shop_process(space, slow_s=0.02) as other,
        ):

            async def both_consume() -> bool:
                queue = await at.channel.declare_queue(space.queue, passive=True)
                return queue.declaration_result.consumer_count == 2

            await eventually(both_consume)
            await at.publish(*(event for event in events for _ in range(2)))
            service = FakeService(client, space)
            await is_applied(service, at, 150)
            assert await service.totals() == {f"o{number}": 30 for number in range(5)}
            emitted = await service.emitted()
            assert len(emitted) == len(set(emitted)) == 150
            assert (await one.stop(), await other.stop()) == (0, 0)
        await at.waits(space.queue, count=0)
        assert await at.count(f"{space.queue}.dead") == 0


async def test_states_inbox_and_events_commit_together(client: Client, space: Space) -> None:
    """A change stream, which shows commits one by one, finds all three in each transaction."""
    database = own_database(client)
    service = FakeService(client, space)
    await service.prepare()
    async with broker(space) as at, await database.watch(max_await_time_ms=100) as stream:
        await at.publish(*(event_of(Placed(f"o{number}")) for number in range(10)))
        async with service.open():
            await is_applied(service, at, 10)
        touched: dict[int, set[str]] = {}
        while change := await stream.try_next():
            if "txnNumber" in change:
                touched.setdefault(change["txnNumber"], set()).add(change["ns"]["coll"])
    assert touched
    assert all(names == {"inbox", "totals", "outbox"} for names in touched.values())
