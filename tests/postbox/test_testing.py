"""The double keeps the promises of the real thing, as far as a handler can tell."""

from collections.abc import Sequence
from itertools import permutations
from random import Random

import pytest

from postbox.errors import EventTooLarge, InvalidPayload
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
    assert postbox.events == []


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
