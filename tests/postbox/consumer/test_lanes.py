"""Several batches under way at once: nobody waits for another subject, and each keeps its order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from postbox.consumer import ConsumerOptions
from postbox.events import Message
from postbox.inbox import Decided, Handler
from postbox.mongo import Client, Session
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox.broker import broker, event_of
from tests.postbox.consumer.test_consumer import is_applied
from tests.postbox.fake_service import QUICK, FakeService, Placed

ORDERS = 3
OF_EACH = 20
LANES = replace(QUICK, lanes_max=4, idle_cores_min=0)
"""Whatever the machine has to do besides."""
ALL_BUSY = replace(LANES, idle_cores_min=1_000_000)
"""No machine has so many that idle."""


class Turnstile:
    """Holds the batches that have a closed order in them, and knows what is being handled."""

    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.opened = asyncio.Event()
        self.at_work: list[set[str]] = []
        self.lanes_seen = 0
        self.in_two_lanes: set[str] = set()
        self.seen: list[tuple[str, int]] = []

    def wrap(self, handler: Handler[Placed]) -> Handler[Placed]:
        async def handle(
            session: Session, messages: Sequence[Message[Placed]]
        ) -> Sequence[Decided]:
            orders = {message.fact.order for message in messages}
            # Only noted here: what a handler raises is a failed try, and is tried again.
            self.in_two_lanes |= {one for others in self.at_work for one in orders & others}
            with self._working(orders):
                while orders & self.closed:
                    await self.opened.wait()
                decided = await handler(session, messages)
            self.seen += [(one.fact.order, one.fact.quantity) for one in messages]
            return decided

        return handle

    def _working(self, orders: set[str]) -> "_Working":
        return _Working(self, orders)

    def open(self) -> None:
        self.closed.clear()
        self.opened.set()


class _Working:
    def __init__(self, turnstile: Turnstile, orders: set[str]) -> None:
        self._turnstile = turnstile
        self._orders = orders

    def __enter__(self) -> None:
        self._turnstile.at_work.append(self._orders)
        count = len(self._turnstile.at_work)
        self._turnstile.lanes_seen = max(self._turnstile.lanes_seen, count)

    def __exit__(self, *_: object) -> None:
        self._turnstile.at_work.remove(self._orders)


@asynccontextmanager
async def service(
    client: Client, space: Space, turnstile: Turnstile, options: ConsumerOptions = LANES
) -> AsyncIterator[FakeService]:
    running = FakeService(client, space, options=options, wrap=turnstile.wrap)
    async with running.open():
        try:
            yield running
        finally:
            turnstile.open()
    assert not turnstile.in_two_lanes


async def test_what_arrives_while_a_batch_commits_does_not_wait_for_it(
    client: Client, space: Space
) -> None:
    turnstile = Turnstile()
    turnstile.closed = {"slow"}
    async with broker(space) as at, service(client, space, turnstile) as running:
        await at.publish(event_of(Placed("slow")))

        async def is_held() -> bool:
            return {"slow"} in turnstile.at_work

        await eventually(is_held)
        for order in ("a", "b", "c"):
            await at.publish(event_of(Placed(order)))

        async def are_counted() -> bool:
            return await running.totals() == {"a": 1, "b": 1, "c": 1}

        await eventually(are_counted)
        turnstile.open()
        await is_applied(running, at, 4)
        assert (await running.totals())["slow"] == 1


async def test_while_no_core_idles_one_batch_is_handled_at_a_time(
    client: Client, space: Space
) -> None:
    turnstile = Turnstile()
    async with broker(space) as at, service(client, space, turnstile, ALL_BUSY) as running:
        for number in range(OF_EACH):
            await at.publish(event_of(Placed(f"o{number}")))
        await is_applied(running, at, OF_EACH)
    assert turnstile.lanes_seen == 1


async def test_the_events_of_a_subject_are_handled_in_their_order(
    client: Client, space: Space
) -> None:
    """Goal: whatever the lanes, no event overtakes another of its subject. Method: one after the
    other arrives, so that batches are small and all lanes are used."""
    turnstile = Turnstile()
    async with broker(space) as at, service(client, space, turnstile) as running:
        for number in range(1, OF_EACH + 1):
            for order in range(ORDERS):
                await at.publish(event_of(Placed(f"o{order}", number)))
        await is_applied(running, at, ORDERS * OF_EACH)
    assert turnstile.lanes_seen > 1
    assert turnstile.lanes_seen <= LANES.lanes_max
    for order in range(ORDERS):
        numbers = [number for name, number in turnstile.seen if name == f"o{order}"]
        assert numbers == list(range(1, OF_EACH + 1))


async def test_an_event_waits_for_the_one_before_it_of_its_subject(
    client: Client, space: Space
) -> None:
    turnstile = Turnstile()
    turnstile.closed = {"slow"}
    async with broker(space) as at, service(client, space, turnstile) as running:
        await at.publish(event_of(Placed("slow", 1)))

        async def is_held() -> bool:
            return {"slow"} in turnstile.at_work

        await eventually(is_held)
        await at.publish(event_of(Placed("slow", 2)), event_of(Placed("other", 1)))

        async def other_is_counted() -> bool:
            return await running.totals() == {"other": 1}

        await eventually(other_is_counted)
        assert turnstile.at_work == [{"slow"}]
        turnstile.open()
        await is_applied(running, at, 3)
    assert [one for one in turnstile.seen if one[0] == "slow"] == [("slow", 1), ("slow", 2)]


@pytest.mark.fault(17, "a stop while several batches are under way")
async def test_a_stop_waits_for_all_that_is_under_way(client: Client, space: Space) -> None:
    """Goal: what was begun is committed and acknowledged, and nothing is begun any more."""
    turnstile = Turnstile()
    turnstile.closed = {"a", "b"}
    async with broker(space) as at:
        async with service(client, space, turnstile) as running:
            for order in ("a", "b"):
                await at.publish(event_of(Placed(order)))

                async def is_held(order: str = order) -> bool:
                    return {order} in turnstile.at_work

                await eventually(is_held)
            running.stop.set()
            await at.publish(event_of(Placed("late")))
            turnstile.open()
        assert await running.totals() == {"a": 1, "b": 1}

        async def late_is_back() -> bool:
            return await at.count(space.queue) == 1

        await eventually(late_is_back)
