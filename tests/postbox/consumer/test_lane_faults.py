"""What goes wrong in one lane is that lane's: the others go on, and nothing is lost."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from postbox.events import Message
from postbox.inbox import Decided, Handler
from postbox.mongo import Client, Session, States
from postbox.rabbitmq import REASON
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import broker, event_of
from tests.postbox.consumer.test_consumer import is_applied
from tests.postbox.consumer.test_lanes import LANES, Turnstile
from tests.postbox.fake_service import FakeService, Placed, failing_on

CANCEL_LIMIT_S = 5.0


async def _is_at_work(turnstile: Turnstile, order: str) -> None:
    async def look() -> bool:
        return {order} in turnstile.at_work

    await eventually(look)


@pytest.mark.fault(34, "one of several batches is poisoned")
async def test_poison_in_one_lane_harms_no_other(client: Client, space: Space) -> None:
    """Goal: it alone is set aside, while one lane waits and others work.

    Method: a closed order holds one lane; the poison, and sound events, go by the others.
    """
    turnstile = Turnstile()
    turnstile.closed = {"slow"}
    buggy = failing_on(lambda placed: placed.order == "bad")
    running = FakeService(
        client, space, options=LANES, wrap=lambda handler: turnstile.wrap(buggy(handler))
    )
    async with broker(space) as at, running.open():
        await at.publish(event_of(Placed("slow")))
        await _is_at_work(turnstile, "slow")
        for number in range(6):
            await at.publish(event_of(Placed("bad" if number == 2 else f"o{number}")))
        (letter,) = await at.dead(count=1)
        assert turnstile.at_work == [{"slow"}]
        turnstile.open()
        await is_applied(running, at, 6)
        assert set(await running.totals()) == {"slow", "o0", "o1", "o3", "o4", "o5"}
        await at.waits(f"{space.queue}.dead", count=0)
    assert letter.headers[REASON] == "handler_failed"


@pytest.mark.fault(34, "a batch that waits, acknowledged over by later ones, then cancelled")
async def test_what_is_cancelled_goes_back_and_what_is_done_does_not(
    client: Client, space: Space
) -> None:
    """Goal: later lanes do not acknowledge the oldest delivery, which waits; a cancellation ends
    its lane at once, and it alone goes back to the queue, not to the dead.

    Method: hold the oldest, let others be acknowledged, cancel, and look what the queue has.
    """
    turnstile = Turnstile()
    turnstile.closed = {"slow"}
    running = FakeService(client, space, options=LANES, wrap=turnstile.wrap)
    await running.prepare()
    async with broker(space) as at:
        consuming = asyncio.create_task(running.consumer.run(running.stop))
        await running.is_open()
        await at.publish(event_of(Placed("slow")))
        await _is_at_work(turnstile, "slow")
        for order in ("a", "b", "c"):
            await at.publish(event_of(Placed(order)))

        async def are_counted() -> bool:
            return await running.totals() == {"a": 1, "b": 1, "c": 1}

        await eventually(are_counted)
        consuming.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(CANCEL_LIMIT_S):
                await consuming
        await at.waits(space.queue, count=1)
        assert await at.count(f"{space.queue}.dead") == 0
        turnstile.open()
        async with running.open():
            await is_applied(running, at, 4)
        assert await running.totals() == {"slow": 1, "a": 1, "b": 1, "c": 1}


@pytest.mark.fault(34, "two batches under way that write the same row")
async def test_lanes_that_write_the_same_row_both_count(client: Client, space: Space) -> None:
    """Goal: a write conflict costs a run, not an event, nor a try. Method: each of two orders also
    counts into a row of both, and neither writes before the other has read it."""
    meeting = asyncio.Barrier(2)
    conflicts = 0

    def wrap(handler: Handler[Placed]) -> Handler[Placed]:
        async def handle(
            session: Session, messages: Sequence[Message[Placed]]
        ) -> Sequence[Decided]:
            nonlocal conflicts
            states = await States.read(session, totals, {"all"})
            if not meeting.broken:
                with suppress(asyncio.BrokenBarrierError):
                    await meeting.wait()
                    await meeting.abort()
            else:
                conflicts += 1
            known = int((states.get("all") or {}).get("total", 0))
            states.put("all", {"total": known + sum(one.fact.quantity for one in messages)})
            await states.write(session)
            return await handler(session, messages)

        return handle

    running = FakeService(client, space, options=LANES, wrap=wrap)
    totals = running.database["totals"]
    async with broker(space) as at, running.open():
        await totals.insert_one({"_id": "all", "total": 0, "v": 0})
        await at.publish(event_of(Placed("a", 2)))

        async def a_has_read() -> bool:
            return meeting.n_waiting == 1

        await eventually(a_has_read)
        await at.publish(event_of(Placed("b", 3)))
        await is_applied(running, at, 2)
        assert await running.totals() == {"all": 5, "a": 2, "b": 3}
        await at.waits(f"{space.queue}.dead", count=0)
    assert conflicts, "nothing was contended for"
