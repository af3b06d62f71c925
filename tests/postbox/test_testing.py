"""The double keeps the promises of the real thing, as far as a handler can tell."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from random import Random

import pytest

from postbox import Service, Topology
from postbox.errors import EventTooLarge, InvalidMessage, InvalidPayload
from postbox.events import Event, Message
from postbox.inbox import Decided
from postbox.mongo import Client, Session
from postbox.telemetry import trace_id
from postbox.testing import MemoryPostbox
from tests.conftest import Space
from tests.postbox.broker import broker, event_of
from tests.postbox.consumer.test_consumer import is_applied
from tests.postbox.fake_service import Counted, FakeService, Placed, count, decode
from tests.postbox.outbox.test_outbox import Note
from tests.postbox.service import shop

pytest_plugins = ["postbox.pytest"]


class MemoryTotals(dict[str, int]):
    def get(self, order: str, default: int | None = 0) -> int:  # type: ignore[override]
        return super().get(order, default or 0)

    def put(self, order: str, total: int) -> None:
        self[order] = total


class MemoryShop:
    """The shop's own rule, on a double."""

    def __init__(self) -> None:
        self.postbox = MemoryPostbox(source="/services/shop")
        self.totals = MemoryTotals()

    async def handle(
        self, session: Session, messages: Sequence[Message[Placed]]
    ) -> Sequence[Decided]:
        return count(messages, self.totals)

    async def feed(self, *events: Event) -> list[str]:
        return await self.postbox.feed(events, decode=decode, handler=self.handle)

    @property
    def emitted(self) -> list[tuple[str, int]]:
        return [(event.data["order"], event.data["total"]) for event in self.postbox.events]


async def test_add_collects_events() -> None:
    postbox = MemoryPostbox(source="/services/shop")
    ids = await postbox.add(None, Placed("o1"), Placed("o2"))
    assert tuple(event.id for event in postbox.events) == ids
    first = postbox.events[0]
    assert (first.type, first.subject, first.source) == ("order.placed", "o1", "/services/shop")
    assert first.data == {"order": "o1", "quantity": 1}


async def test_add_refuses_what_the_outbox_refuses() -> None:
    postbox = MemoryPostbox()
    with pytest.raises(EventTooLarge):
        await postbox.add(None, Placed("o1"), Note("x" * 300_000))
    with pytest.raises(InvalidPayload):
        await postbox.add(None, Note(object()))
    with pytest.raises(InvalidPayload):
        await postbox.add(None, Placed("o1"), headers={"price": 1.5})
    with pytest.raises(InvalidPayload):
        await postbox.add(None, Placed("o1"), routing_key="")
    assert postbox.events == []


async def test_what_is_scheduled_is_emitted_when_the_clock_is_moved() -> None:
    postbox = MemoryPostbox()
    hour = timedelta(hours=1)
    await postbox.add(None, Placed("late"), deliver_at=postbox.now + 2 * hour)
    await postbox.add(None, Placed("soon"), headers={"tenant": "t1"}, deliver_at=postbox.now + hour)
    await postbox.add(None, Placed("past"), deliver_at=postbox.now - hour)
    assert [event.subject for event in postbox.events] == ["past"]
    (due,) = postbox.advance(hour)
    assert (due.subject, due.headers) == ("soon", {"tenant": "t1"})
    postbox.advance(hour)
    assert [event.subject for event in postbox.events] == ["past", "soon", "late"]
    assert postbox.scheduled == []


async def test_a_handler_that_raises_has_scheduled_nothing() -> None:
    postbox = MemoryPostbox()

    async def broken(session: Session, messages: Sequence[Message[Placed]]) -> Sequence[Decided]:
        await postbox.add(session, Counted("o1", 1), deliver_at=postbox.now + timedelta(hours=1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await postbox.feed([event_of(Placed("o1"))], decode=decode, handler=broken)
    assert postbox.scheduled == []


async def test_repeats_within_and_across_batches_are_duplicates() -> None:
    service = MemoryShop()
    first, second = event_of(Placed("o1")), event_of(Placed("o2"))
    assert await service.feed(first, first, second) == ["count", "duplicate", "count"]
    assert await service.feed(second) == ["duplicate"]
    assert service.totals == {"o1": 1, "o2": 1}
    assert service.emitted == [("o1", 1), ("o2", 1)]


async def test_a_handler_that_raises_has_done_nothing() -> None:
    service = MemoryShop()
    event = event_of(Placed("o1"))

    async def broken(session: Session, messages: Sequence[Message[Placed]]) -> Sequence[Decided]:
        await service.postbox.add(session, Counted("o1", 1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await service.postbox.feed([event], decode=decode, handler=broken)
    assert service.postbox.events == []
    assert await service.feed(event) == ["count"]


async def test_what_is_emitted_continues_the_trace() -> None:
    service = MemoryShop()
    event = event_of(Placed("o1"))
    await service.feed(event)
    assert trace_id(service.postbox.events[0].traceparent) == trace_id(event.traceparent)


async def test_handlers_of_one_event_take_what_is_delivered(memory_postbox: MemoryPostbox) -> None:
    service = Service(
        "shop",
        topology=Topology(queues={"bills": ["order.placed"], "mails": ["order.#"]}),
        mongo_uri="mongodb://127.0.0.1:1/shop",
        rabbitmq_uri="amqp://127.0.0.1:1/",
    )

    @service.on(shop.Placed, queue="bills")
    async def bill(session: Session, placed: shop.Placed) -> shop.Billed:
        return shop.Billed(placed.order, placed.quantity)

    @service.on(shop.Placed, queue="mails")
    async def mail(session: Session, placed: shop.Placed) -> None:
        if placed.quantity == 0:
            raise ZeroDivisionError

    first, second, bad = (memory_postbox.event(shop.Placed("o1", n)) for n in (1, 2, 0))
    outcomes = await memory_postbox.deliver(service, first, first)
    assert outcomes == ["bill", "duplicate", "mail", "duplicate"]
    outcomes = await memory_postbox.deliver(service, first, second)
    assert outcomes == ["duplicate", "bill", "duplicate", "mail"]
    assert [event.data["total"] for event in memory_postbox.events] == [1, 2]
    with pytest.raises(ZeroDivisionError):
        await memory_postbox.deliver(service, bad)
    with pytest.raises(InvalidMessage, match=r"order\.eaten: no handler"):
        await memory_postbox.deliver(service, replace(first, type="order.eaten"))
    with pytest.raises(InvalidMessage, match=r"data\.order: it is missing"):
        await memory_postbox.deliver(service, replace(second, id="other", data={}))
    await service.client.close()


async def test_a_handler_schedules_with_its_service_s_own_outbox(
    memory_postbox: MemoryPostbox,
) -> None:
    service = Service(
        "shop",
        topology=Topology(queues={"bills": ["order.placed"]}),
        mongo_uri="mongodb://127.0.0.1:1/shop",
        rabbitmq_uri="amqp://127.0.0.1:1/",
    )
    hour = timedelta(hours=1)

    @service.on(shop.Placed)
    async def remind(session: Session, placed: shop.Placed) -> shop.Placed:
        at = memory_postbox.now + placed.quantity * hour
        billed = shop.Billed(placed.order, placed.quantity)
        await service.outbox.add(session, billed, headers={"tenant": "t1"}, deliver_at=at)
        if placed.order == "bad":
            raise ZeroDivisionError
        return placed

    with pytest.raises(ZeroDivisionError):
        await memory_postbox.deliver(service, memory_postbox.event(shop.Placed("bad", 1)))
    assert (memory_postbox.events, memory_postbox.scheduled) == ([], [])
    late, now = (memory_postbox.event(shop.Placed("o1", n)) for n in (1, 0))
    await memory_postbox.deliver(service, late, now)
    billed, *others = memory_postbox.events
    assert (billed.type, billed.headers) == ("order.billed", {"tenant": "t1"})
    assert [event.type for event in others] == ["order.placed"] * 2
    (due,) = memory_postbox.advance(hour)
    assert (due.type, due.source, due.headers) == (
        "order.billed",
        "/services/shop",
        {"tenant": "t1"},
    )
    assert trace_id(due.traceparent) == trace_id(late.traceparent)

    # Whether it is due is judged by the clock that was moved.
    await memory_postbox.deliver(service, memory_postbox.event(shop.Placed("o2", 0)))
    assert memory_postbox.events[-2].subject == "o2"
    assert memory_postbox.scheduled == []
    await service.client.close()


async def test_any_order_can_be_tried() -> None:
    events = [event_of(Placed("o1", quantity)) for quantity in (1, 2, 3)]
    for order in permutations(events):
        service = MemoryShop()
        await service.feed(*order)
        assert service.totals == {"o1": 6}


async def test_the_double_and_the_real_thing_emit_the_same(client: Client, space: Space) -> None:
    """Conformance: one rule, the same events with repeats in the same order, on both."""
    random = Random(7)
    distinct = [event_of(Placed(f"o{number % 4}", number)) for number in range(40)]
    events = [*distinct, *random.sample(distinct, 20)]
    random.shuffle(events)
    double = MemoryShop()
    for start in range(0, len(events), 7):
        await double.feed(*events[start : start + 7])
    async with broker(space) as at:
        await at.publish(*events)
        async with FakeService(client, space).open() as real:
            await is_applied(real, at, 40)
            assert sorted(await real.emitted()) == sorted(double.emitted)
            assert await real.totals() == double.totals
