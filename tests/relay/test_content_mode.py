"""What the relay publishes is read whole, in either mode, by the official SDK and by ourselves."""

import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aio_pika.abc import AbstractIncomingMessage
from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.v1.event import CloudEvent

from postbox.errors import InvalidPayload
from postbox.events import cloudevents
from postbox.operations import TimeRange, replay
from postbox.rabbitmq import STRUCTURED, ContentMode
from relay.errors import Unpublishable
from relay.read.message import HEADERS_BYTES_MAX, message_of
from tests.relay.harness import RelayHarness

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
DATA = {"note": "Grüße", "lines": [1, 2.5, None, True], "large": 2**53}


def by_rabbitmq(message: AbstractIncomingMessage) -> CloudEvent:
    headers: dict[str, Any] = dict(message.headers)
    return rabbitmq.from_rabbitmq_event(
        rabbitmq.RabbitMQMessage(headers, message.content_type, message.body)
    )


def by_amqp(message: AbstractIncomingMessage) -> CloudEvent:
    return amqp.from_amqp_event(
        amqp.AMQPMessage(
            {"content-type": message.content_type}, dict(message.headers), message.body
        )
    )


def by_v1(message: AbstractIncomingMessage) -> CloudEvent:
    """The layer that the SDK keeps for who used its version 1: its events are mappings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of its own
        from cloudevents.v1.http import from_http

        headers = {name: str(value) for name, value in message.headers.items()}
        found = from_http({**headers, "content-type": str(message.content_type)}, message.body)
    attributes = dict(found.get_attributes())
    return CloudEvent(
        attributes | {"time": datetime.fromisoformat(attributes["time"])}, found.get_data()
    )


Read = Callable[[AbstractIncomingMessage], CloudEvent]
MODES: dict[str, tuple[ContentMode, list[Read]]] = {
    "structured": (STRUCTURED, [by_rabbitmq, by_amqp, by_v1]),
    "ce-": (ContentMode("ce-"), [by_rabbitmq, by_v1]),
    "cloudEvents_": (ContentMode("cloudEvents_"), [by_amqp]),
}


@pytest.mark.parametrize(("mode", "readers"), MODES.values(), ids=MODES.keys())
async def test_an_event_is_read_whole(
    harness: RelayHarness, mode: ContentMode, readers: list[Read]
) -> None:
    """Goal: every field as it was written, and as the replay sends it. Method: a real broker."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    row = harness.row(subject="Grüße", time=TIME, data=DATA, traceparent=trace)
    async with harness.relaying(mode=mode):
        await harness.insert([row])
        await harness.published()
    await replay.replay(
        harness.source,
        harness.database,
        harness.rabbitmq.uri,
        TimeRange(since=TIME, until=datetime.now(UTC) + timedelta(days=1)),
        done=lambda *_: None,
        mode=mode,
    )
    first, again = await harness.messages()
    for message in (first, again):
        assert (message.message_id, message.type) == (row["_id"], row["type"])
        for read in readers:
            event = read(message)
            assert event.get_id() == row["_id"]
            assert event.get_type() == row["type"]
            assert event.get_source() == row["source"]
            assert event.get_subject() == "Grüße"
            assert event.get_time() == TIME
            assert event.get_data() == DATA
            assert event.get_datacontenttype() == "application/json"
            assert event.get_specversion() == "1.0"
        ours = cloudevents.decode(message.body, message.headers, message.content_type)
        assert (ours.id, ours.subject, ours.time, ours.data) == (row["_id"], "Grüße", TIME, DATA)
        assert ours.traceparent == trace
        assert ours.extensions == {}
    assert (first.body, first.content_type) == (again.body, again.content_type)


def test_attributes_that_no_frame_has_room_for_are_refused() -> None:
    row = {"_id": "1", "type": "t", "subject": "s" * HEADERS_BYTES_MAX, "data": {}, "time": TIME}
    assert message_of(row, source="/s").headers == {}
    with pytest.raises(Unpublishable, match="its headers have"):
        message_of(row, source="/s", mode=ContentMode("ce-"))


def test_what_is_no_json_is_refused_in_either_mode() -> None:
    row = {"_id": "1", "type": "t", "subject": "s", "data": {"a": float("nan")}, "time": TIME}
    for mode, _ in MODES.values():
        with pytest.raises(Unpublishable, match=r"data\.a") as refused:
            message_of(row, source="/s", mode=mode)
        assert isinstance(refused.value.__cause__, InvalidPayload)
