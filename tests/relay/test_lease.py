"""One relay publishes, any number stand by, and one that lost its lease changes nothing."""

import asyncio
import signal
import time

import pytest

from postbox.outbox import Shard
from relay.checkpoint import Checkpoint, Term
from relay.context import SourceContext
from relay.errors import LeaseLost
from relay.options import Options
from relay.publish import Sender, Window
from relay.read.message import message_of
from relay.state import RelayHealth, State, Status
from tests.eventually import eventually
from tests.relay.harness import RelayHarness

TAKE_OVER_S = 5.0
AT_ONCE_S = 1.5
"""Less than what is left of a lease that was just renewed, or is about to be."""


def checkpoint(harness: RelayHarness, holder: str, lease_s: float = 5.0) -> Checkpoint:
    return Checkpoint(harness.database, Shard(), holder=holder, lease_s=lease_s)


async def test_of_many_candidates_one_takes_the_lease(harness: RelayHarness) -> None:
    racers = [checkpoint(harness, f"relay {number}") for number in range(20)]
    terms = await asyncio.gather(*(racer.take() for racer in racers))
    assert len([term for term in terms if term is not None]) == 1


async def test_the_document(harness: RelayHarness) -> None:
    term = await checkpoint(harness, "a").take()
    assert term is not None
    await term.save({"_data": "$not a field"})
    document = await harness.checkpoint()
    assert set(document) == {"_id", "holder", "fence", "until", "token", "at"}
    assert document["_id"] == "0/1"
    assert document["token"] == {"_data": "$not a field"}


async def test_a_released_lease_is_free_at_once_and_its_token_is_kept(
    harness: RelayHarness,
) -> None:
    first = await checkpoint(harness, "a").take()
    assert first is not None
    await first.save({"_data": "x"})
    assert await checkpoint(harness, "b").take() is None
    await first.release()
    assert not first.is_held
    second = await checkpoint(harness, "b").take()
    assert second is not None
    assert second.token == {"_data": "x"}
    assert second.fence == first.fence + 1


async def test_the_holder_takes_its_own_lease_again_with_a_new_fence(harness: RelayHarness) -> None:
    mine = checkpoint(harness, "a")
    first, second = await mine.take(), await mine.take()
    assert first is not None
    assert second is not None
    assert second.fence == first.fence + 1
    with pytest.raises(LeaseLost):
        await first.save({"_data": "x"})


async def test_an_outdated_fence_changes_nothing(harness: RelayHarness) -> None:
    old = await checkpoint(harness, "a", lease_s=0.2).take()
    assert old is not None

    async def is_taken_over() -> bool:
        return await checkpoint(harness, "b").take() is not None

    await eventually(is_taken_over)
    before = await harness.checkpoint()
    with pytest.raises(LeaseLost):
        await old.save({"_data": "old"})
    with pytest.raises(LeaseLost):
        await old.renew()
    await old.release()
    assert await harness.checkpoint() == before


async def test_an_expired_lease_is_not_renewed_although_nobody_took_it(
    harness: RelayHarness,
) -> None:
    """Goal: a relay that was frozen starts a new term and reads the token again."""
    term = await checkpoint(harness, "a", lease_s=0.2).take()
    assert term is not None

    async def is_expired() -> bool:
        rows = harness.database["relay_checkpoint"]
        return await rows.find_one({"$expr": {"$lte": ["$until", "$$NOW"]}}) is not None

    await eventually(is_expired)
    with pytest.raises(LeaseLost):
        await term.renew()


async def test_two_shard_counts_at_the_same_moment_do_not_both_lead(
    harness: RelayHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: the other relay takes its lease between our look and our own lease."""
    look = Checkpoint.other_shard_count
    looks = 0

    async def at_the_same_moment(self: Checkpoint) -> int | None:
        nonlocal looks
        looks += 1
        count = await look(self)
        if looks == 1:
            assert await Checkpoint(harness.database, Shard(1, 2), holder="b", lease_s=1.0).take()
        return count

    monkeypatch.setattr(Checkpoint, "other_shard_count", at_the_same_moment)
    async with harness.relaying():

        async def has_looked_again() -> bool:
            return looks > 2

        await eventually(has_looked_again)
        assert (await harness.checkpoint())["fence"] == 1, "it was released, and not taken again"
        await harness.delivered(await harness.add(3))


async def test_without_its_lease_a_relay_sends_nothing(harness: RelayHarness) -> None:
    """Goal: a holder that cannot renew stops publishing. Method: a term that is over already."""
    (event_id,) = await harness.add(1)
    row = await harness.rows.find_one({"_id": event_id})
    assert row is not None
    window = Window(messages_max=1, bytes_max=1)
    window.add(message_of(row, source="/shop"), None)
    over = Term(checkpoint(harness, "a"), fence=1, token=None, until_s=time.monotonic())
    status = Status(harness.name, Shard(), RelayHealth())
    context = SourceContext(
        source=harness.source,
        database=harness.database,
        rabbitmq_uri=harness.rabbitmq.uri,
        exchange="events",
        holder="a",
        options=Options(),
    )
    sender = Sender(context, status, over, window)
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(sender.run(), TAKE_OVER_S)
    assert window.oldest_sent_at_s is None
    assert await harness.pull() == []


async def test_a_standby_takes_over_at_once_from_one_that_is_stopped(harness: RelayHarness) -> None:
    async with harness.program() as first:
        ids = await harness.add(5)
        await harness.delivered(ids)
        async with harness.relaying() as second:
            first.signal(signal.SIGTERM)
            assert await first.ended() == 0
            ended_at_s = time.monotonic()

            async def has_taken_over() -> bool:
                return second.state is State.STREAMING

            await eventually(has_taken_over)
            assert time.monotonic() - ended_at_s < AT_ONCE_S
            await harness.delivered(ids + await harness.add(5))


async def test_a_standby_takes_over_from_one_that_is_killed(harness: RelayHarness) -> None:
    async with harness.program() as first:
        ids = await harness.add(5)
        await harness.delivered(ids)
        async with harness.relaying() as second:
            await harness.delivered(ids)
            assert second.state is State.STANDBY
            await first.kill()
            killed_at_s = time.monotonic()
            ids += await harness.add(5)

            async def has_taken_over() -> bool:
                return second.state is not State.STANDBY

            await eventually(has_taken_over)
            assert time.monotonic() - killed_at_s < TAKE_OVER_S
            await harness.delivered(ids)


@pytest.mark.fault(23, "frozen past its lease, then thawed")
async def test_a_relay_that_was_frozen_past_its_lease_is_fenced_off(harness: RelayHarness) -> None:
    """Goal: two relays never both move the token. Method: SIGSTOP in the middle of streaming, until
    another has taken over; then SIGCONT, with rows for both to fight over."""
    async with harness.program(RELAY_LEASE_S="1") as frozen:
        ids = await harness.add(5)
        await harness.delivered(ids)
        frozen.signal(signal.SIGSTOP)
        ids += await harness.add(5)
        async with harness.relaying() as second:
            await harness.delivered(ids)
            fence = (await harness.checkpoint())["fence"]
            frozen.signal(signal.SIGCONT)
            for _ in range(10):
                ids += await harness.add(5)
                await asyncio.sleep(0.05)

            async def has_noticed() -> bool:
                return b"the lease is lost" in frozen.log.read_bytes()

            await eventually(has_noticed)
            await harness.delivered(ids)
            assert second.state is State.STREAMING
            assert (await harness.checkpoint())["fence"] == fence
            assert frozen.process.returncode is None, "it stands by, it does not die"
