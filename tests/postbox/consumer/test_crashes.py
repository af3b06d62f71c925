"""A consumer that is killed anywhere, or asked to stop, loses nothing and repeats nothing."""

import pytest

from postbox.mongo import Client
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import broker, event_of
from tests.postbox.consumer.test_consumer import is_applied
from tests.postbox.failpoints import short_lived_transactions
from tests.postbox.fake_service import FakeService, Placed
from tests.postbox.processes import KILLED, shop_process

EVENTS = 250
"""Fewer than a consumer may hold, and nearly two batches."""


@pytest.mark.fault(1, "kill after the writes, before the commit")
async def test_killed_before_the_commit(client: Client, space: Space) -> None:
    """Goal: nothing of the batch is visible, and all of it is applied by whoever comes next.

    Method: a crash point after the last write of the transaction.
    """
    async with broker(space) as at, short_lived_transactions(space.mongo_uri):
        await at.publish(*(event_of(Placed("o1")) for _ in range(3)))
        async with shop_process(space, crash_at="consumer.written:1") as process:
            assert await process.exit_code() == KILLED
        service = FakeService(client, space)
        assert await service.applied() == 0
        assert await service.totals() == {}
        assert await service.emitted() == []
        await at.waits(space.queue, count=3)
        async with shop_process(space):
            await is_applied(service, at, 3)
        assert await service.totals() == {"o1": 3}
        assert len(await service.emitted()) == 3


@pytest.mark.fault(16, "consumer killed between commit and acknowledgement")
async def test_killed_between_commit_and_acknowledgement(client: Client, space: Space) -> None:
    """Goal: redelivered, found to be a duplicate, acknowledged. Method: a crash point between."""
    async with broker(space) as at:
        await at.publish(*(event_of(Placed("o1")) for _ in range(3)))
        async with shop_process(space, crash_at="consumer.committed:1") as process:
            assert await process.exit_code() == KILLED
        await at.waits(space.queue, count=3)
        async with FakeService(client, space).open() as service:
            assert await service.totals() == {"o1": 3}
            await at.waits(space.queue, count=0)
            assert service.batches == []  # the handler was not even asked
        assert await at.count(space.queue) == 0
        assert await service.totals() == {"o1": 3}
        assert await at.count(f"{space.queue}.dead") == 0


@pytest.mark.fault(17, "SIGTERM in the middle of a batch")
async def test_asked_to_stop_in_mid_batch(client: Client, space: Space) -> None:
    """Goal: exit code 0; what was not applied is in the queue again, the dead queue stays empty.

    Method: SIGTERM to a process with a slow handler that holds more than one batch.
    """
    async with broker(space) as at:
        await at.publish(*(event_of(Placed(f"o{number}")) for number in range(EVENTS)))
        service = FakeService(client, space)
        async with shop_process(space, slow_s=0.3) as process:
            await at.waits(space.queue, count=0)  # all are with the process
            assert await process.stop() == 0
        applied = await service.applied()
        assert applied < EVENTS
        await at.waits(space.queue, count=EVENTS - applied)
        assert await at.count(f"{space.queue}.dead") == 0
        async with shop_process(space):
            await is_applied(service, at, EVENTS)
        assert set((await service.totals()).values()) == {1}


@pytest.mark.fault(24, "a slow consumer")
async def test_a_slow_consumer_holds_no_more_than_its_prefetch(
    client: Client, space: Space
) -> None:
    """Goal: bounded memory, nothing dead-lettered wrongly.

    Method: 300 events for a process that may hold 40 and takes its time with each batch.
    """
    async with broker(space) as at:
        await at.publish(*(event_of(Placed(f"o{number}")) for number in range(300)))
        service = FakeService(client, space)
        async with shop_process(space, slow_s=0.1, prefetch=40) as process:
            seen = []

            async def work_goes_on() -> bool:
                held = 300 - await at.count(space.queue) - await service.applied()
                seen.append(held)
                return await service.applied() >= 80

            await eventually(work_goes_on)
            assert 0 < max(seen) <= 40 + 40  # acknowledged, but not yet counted by us
            assert await process.stop() == 0
        assert await at.count(f"{space.queue}.dead") == 0
