"""Messages of others, from a real broker: CloudEvents in every mode, and what is none."""

from datetime import UTC, datetime
from typing import Any

import aio_pika
import orjson
import pytest
from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.v1.event import CloudEvent

from postbox.decoders import json_with_id, masstransit
from postbox.events import Decoder
from postbox.mongo import Client
from postbox.operations import redrive
from postbox.rabbitmq import ERROR, REASON
from tests.conftest import Space
from tests.postbox.broker import Broker, broker, event_of
from tests.postbox.consumer.test_consumer import is_applied
from tests.postbox.fake_service import FakeService, Placed, decode

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


async def publish(at: Broker, space: Space, body: bytes, **properties: Any) -> None:
    exchange = await at.channel.get_exchange(space.exchange, ensure=False)
    await exchange.publish(aio_pika.Message(body, **properties), Placed.TYPE)


def placed(id: str, **attributes: Any) -> CloudEvent:
    """As somebody else's program would make it."""
    named = {"id": id, "type": Placed.TYPE, "source": "/website", "time": TIME, **attributes}
    return CloudEvent(named, {"order": id, "quantity": 1})


async def test_events_of_others_are_applied_in_every_mode(client: Client, space: Space) -> None:
    structured = rabbitmq.to_structured_event(placed("o1"))
    binary = rabbitmq.to_binary_event(placed("o2", subject="o2", tenant="t1"))
    over_amqp = amqp.to_binary_event(placed("o3", datacontenttype="application/json"))
    async with broker(space) as at:
        for _ in range(2):  # each twice: its id is known in every mode
            await publish(at, space, structured.body, content_type=structured.content_type)
            await publish(at, space, binary.body, headers=dict(binary.headers))
            await publish(
                at, space, over_amqp.application_data,
                headers=over_amqp.application_properties,
                content_type=over_amqp.properties["content-type"],
            )  # fmt: skip
        async with FakeService(client, space).open() as service:
            await is_applied(service, at, 3)
            assert await service.totals() == {"o1": 1, "o2": 1, "o3": 1}
        events = {one.event.id: one.event for batch in service.batches for one in batch}
    assert {event.time for event in events.values()} == {TIME}
    assert (events["o1"].subject, events["o2"].subject) == (None, "o2")
    assert events["o2"].extensions == {"tenant": "t1"}


async def test_a_dead_letter_in_binary_mode_is_shown_and_redriven_as_it_came(
    client: Client, space: Space
) -> None:
    bad = CloudEvent(
        {"id": "m1", "type": Placed.TYPE, "source": "/website", "subject": "o1"}, {"order": "o1"}
    )
    binary = rabbitmq.to_binary_event(bad)
    async with broker(space) as at:
        await publish(at, space, binary.body, headers=dict(binary.headers))
        async with FakeService(client, space).open():
            await at.waits(f"{space.queue}.dead", count=1)
        (letter,) = (await redrive.find(space.rabbitmq_uri, f"{space.queue}.dead")).messages
        assert (letter.subject, letter.reason) == ("o1", "invalid")
        await redrive.redrive(
            space.rabbitmq_uri, f"{space.queue}.dead", redrive.ALL, done=lambda _: None
        )
        queue = await at.channel.get_queue(space.queue, ensure=False)
        again = await queue.get(no_ack=True)
    carried = {name: again.headers.get(name) for name in binary.headers}
    assert (again.body, carried) == (binary.body, dict(binary.headers))


DECODERS: dict[str, tuple[Decoder[Placed], object, dict[str, Any]]] = {
    "JSON": (
        json_with_id(decode),
        {"order": "o1", "quantity": 1},
        {"message_id": "m1", "type": Placed.TYPE},
    ),
    "MassTransit": (
        Decoder(masstransit(decode).read, lambda event: Placed(event.data["order"])),
        {"messageId": "m1", "messageType": ["urn:message:Shop:Placed"], "message": {"order": "o1"}},
        {"content_type": "application/vnd.masstransit+json"},
    ),
}


@pytest.mark.parametrize(("decoder", "body", "properties"), DECODERS.values(), ids=DECODERS.keys())
async def test_what_is_no_cloud_event_goes_through_the_decoder(
    client: Client, space: Space, decoder: Decoder[Placed], body: object, properties: dict[str, Any]
) -> None:
    """Goal: once in effect, beside CloudEvents on one queue; what it refuses is set aside."""
    async with broker(space) as at:
        for _ in range(2):
            await publish(at, space, orjson.dumps(body), **properties)
        await publish(at, space, b"{never closed", **properties)
        await at.publish(event_of(Placed("o2")))
        async with FakeService(client, space, decoder=decoder).open() as service:
            await is_applied(service, at, 2)
            assert await service.totals() == {"o1": 1, "o2": 1}
            (letter,) = await at.dead(count=1)
    assert letter.body == b"{never closed"
    assert letter.headers[REASON] == "malformed"
    assert "not JSON" in str(letter.headers[ERROR])


async def test_whatever_a_decoder_raises_sets_the_message_aside(
    client: Client, space: Space
) -> None:
    decoder = Decoder(lambda received: received.headers["order"], decode)
    async with broker(space) as at:
        await publish(at, space, b"o1")
        await at.publish(event_of(Placed("o2")))
        async with FakeService(client, space, decoder=decoder).open() as service:
            await is_applied(service, at, 1)
            (letter,) = await at.dead(count=1)
    assert (letter.headers[REASON], letter.headers[ERROR]) == ("malformed", "KeyError: 'order'")
