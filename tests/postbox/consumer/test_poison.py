"""A message that can never be handled is set aside with its reason; its neighbours go on."""

from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import pytest
from pamqp.header import ContentHeader

from postbox.errors import SetAside
from postbox.events import Event
from postbox.events.cloudevents import encode
from postbox.mongo import Client
from postbox.rabbitmq import ERROR, QUEUE, REASON
from tests.conftest import Space
from tests.eventually import eventually
from tests.postbox import fake_service
from tests.postbox.broker import broker, event_of
from tests.postbox.consumer.test_consumer import is_applied
from tests.postbox.fake_service import QUICK, FakeService, Placed, failing_on, topology


def _with(**changes: object) -> bytes:
    return orjson.dumps(orjson.loads(encode(event_of(Placed("bad")))) | changes)


POISON = {
    "not JSON": (b"{never closed", "malformed"),
    "no CloudEvent": (b'{"order": "o1"}', "malformed"),
    "unknown type": (_with(type="order.eaten"), "invalid"),
    "invalid data": (_with(data={"order": "o1", "quantity": "many"}), "invalid"),
    "data that the decoder has not thought of": (_with(data={"quantity": 1}), "invalid"),
}


@pytest.mark.fault(14, "poison: not JSON, invalid")
@pytest.mark.parametrize(("body", "reason"), POISON.values(), ids=POISON.keys())
async def test_what_cannot_be_read_is_set_aside_at_once(
    client: Client, space: Space, body: bytes, reason: str
) -> None:
    """Goal: the dead queue holds exactly it, with its reason. Method: publish it amid others."""
    async with broker(space) as at:
        await at.publish(event_of(Placed("o1")))
        await at.publish_raw(body, type_=Placed.TYPE, message_id="m1", headers={"kept": 1})
        await at.publish(event_of(Placed("o2")))
        async with FakeService(client, space).open() as service:
            await is_applied(service, at, 2)
            (letter,) = await at.dead(count=1)
            assert await service.totals() == {"o1": 1, "o2": 1}
    assert (letter.body, letter.message_id, letter.type) == (body, "m1", Placed.TYPE)
    assert letter.headers["kept"] == 1
    assert letter.headers[REASON] == reason
    assert letter.headers[QUEUE] == space.queue
    assert letter.headers[ERROR]


ODD = {
    "a text that is no UTF-8": (b"m@@@@", b"m\xff\xfe\xff\xfe"),
    "a header's name that is none": (b"name@", b"name\xff"),
    "a time beyond the calendar": (b"T" + b"\x00" * 8, b"T" + b"\xff" * 8),
}


@pytest.mark.fault(14, "poison: properties that cannot be decoded")
@pytest.mark.parametrize(("good", "odd"), ODD.values(), ids=ODD.keys())
async def test_odd_properties_keep_nobody_from_the_queue(
    client: Client, space: Space, monkeypatch: pytest.MonkeyPatch, good: bytes, odd: bytes
) -> None:
    """Goal: the event counts, for it can be read; so do its neighbours, each delivered once.

    Method: change the message's bytes on their way to the broker.
    """
    marshal = ContentHeader.marshal

    def spoilt(header: ContentHeader) -> bytes:
        return marshal(header).replace(good, odd)

    async with broker(space) as at:
        await at.publish(event_of(Placed("o1")))
        monkeypatch.setattr(ContentHeader, "marshal", spoilt)
        time = datetime.fromtimestamp(0, UTC)
        event = event_of(Placed("o2"))
        await at.publish_raw(
            encode(event), type_=event.type, message_id="m@@@@", headers={"name@": "x", "at": time}
        )
        monkeypatch.undo()
        await at.publish(event_of(Placed("o3")))
        async with FakeService(client, space).open() as service:
            await is_applied(service, at, 3)
            assert await service.totals() == {"o1": 1, "o2": 1, "o3": 1}


@pytest.mark.fault(14, "poison: a handler bug")
async def test_a_message_that_breaks_the_handler_is_tried_then_set_aside(
    client: Client, space: Space
) -> None:
    """Goal: neighbours of the same batch go on; the bad one leaves nothing but its dead letter.

    Method: a handler that raises, after it has written, on one order of thirty.
    """
    service = FakeService(client, space, wrap=failing_on(lambda placed: placed.order == "o7"))
    async with broker(space) as at:
        await at.publish(*(event_of(Placed(f"o{number}")) for number in range(30)))
        async with service.open():
            await is_applied(service, at, 29)
            (letter,) = await at.dead(count=1)
            assert "o7" not in await service.totals()
            assert len(await service.emitted()) == 29
    assert letter.headers[REASON] == "handler_failed"
    assert letter.headers[ERROR] == "ZeroDivisionError: cannot count o7"
    alone = [batch for batch in service.batches if [one.fact.order for one in batch] == ["o7"]]
    assert len(alone) == QUICK.tries_max


async def test_a_handler_that_recovers_in_time_sets_nothing_aside(
    client: Client, space: Space
) -> None:
    tries = 0

    def is_bad(_: Placed) -> bool:
        nonlocal tries
        tries += 1
        return tries < QUICK.tries_max

    async with broker(space) as at:
        await at.publish(event_of(Placed("o1")))
        async with FakeService(client, space, wrap=failing_on(is_bad)).open() as service:
            await is_applied(service, at, 1)
            assert await service.totals() == {"o1": 1}
            assert tries == QUICK.tries_max
        assert await at.count(f"{space.queue}.dead") == 0


class Forged(SetAside):
    """A message that the handler knows it can never handle."""

    reason = "forged"


async def test_a_handler_can_set_a_message_aside_by_itself(client: Client, space: Space) -> None:
    wrap = failing_on(lambda placed: placed.order == "bad", Forged)
    async with broker(space) as at:
        await at.publish(event_of(Placed("bad")), event_of(Placed("o1")))
        async with FakeService(client, space, wrap=wrap).open() as service:
            (letter,) = await at.dead(count=1)
            await is_applied(service, at, 1)
        assert letter.headers[REASON] == "forged"
        alone = [batch for batch in service.batches if [one.fact.order for one in batch] == ["bad"]]
        assert len(alone) == 1


async def test_a_dead_letter_that_was_not_confirmed_is_not_acknowledged(
    client: Client, space: Space
) -> None:
    table = topology(space)
    dead = f"{space.queue}.dead"
    async with broker(space) as at:
        await at.publish_raw(b"poison", type_=Placed.TYPE)
        async with FakeService(client, space).open() as service:
            letters = await at.dead(count=1)
            queue = await at.channel.get_queue(dead)
            await queue.unbind(table.dead, routing_key=space.queue)
            await at.publish_raw(letters[0].body, type_=Placed.TYPE)
            await at.publish(event_of(Placed("o1")))
            await is_applied(service, at, 1)
            assert await at.count(dead) == 0
        await at.waits(space.queue, count=1)  # it went back to where it came from
        async with FakeService(client, space).open():  # which declares the binding again
            assert len(await at.dead(count=1)) == 1
            await at.waits(space.queue, count=0)


async def test_many_poisoned_messages_do_not_stop_the_sound_ones(
    client: Client, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(event: Event) -> Placed:
        raise KeyError(event.type)

    sound: Sequence[Event] = [event_of(Placed(f"o{number}")) for number in range(20)]
    async with broker(space) as at:
        for event in sound:
            await at.publish_raw(b"poison", type_=Placed.TYPE)
            await at.publish(event)
        async with FakeService(client, space).open() as service:
            await is_applied(service, at, 20)
            await at.waits(f"{space.queue}.dead", count=20)
    monkeypatch.setattr(fake_service, "decode", decode)
    async with broker(space) as at:
        await at.publish(*sound)
        async with FakeService(client, space).open():

            async def all_set_aside() -> bool:
                return await at.count(f"{space.queue}.dead") == 40

            await eventually(all_set_aside)
