"""Headers and routing keys: with each message, whoever wrote the row and however it is sent."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from bson import ObjectId
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from postbox.errors import InvalidPayload
from postbox.events import cloudevents
from postbox.mongo import Document, transaction
from postbox.operations import TimeRange
from postbox.operations.replay import replay
from postbox.outbox import Outbox
from postbox.telemetry import context_of, under
from tests.eventually import eventually
from tests.relay.harness import RelayHarness, taken

TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS: Final = {"tenant": "t1", "is-test": True, "attempt": 3, "big": 2**62, "é": "ü"}


class Made:
    TYPE: ClassVar[str] = "thing.made"
    subject = "s1"

    def data(self) -> dict[str, Any]:
        return {}


async def messages(harness: RelayHarness) -> list[AbstractIncomingMessage]:
    async with await aio_pika.connect(harness.rabbitmq.uri) as connection:
        channel = await connection.channel()
        return await taken(await channel.declare_queue(harness.name, passive=True))


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every event has a publish span, which the message's headers name."""
    provider = TracerProvider()
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield
    provider.shutdown()


@pytest.mark.usefixtures("traced")
async def test_a_consumer_sees_what_was_added(harness: RelayHarness) -> None:
    """By the relay and by a replay, under a routing key that is not the event's type."""
    outbox = Outbox(harness.database, source="/test")
    await outbox.prepare()

    async def add(session: Any) -> None:
        with under(context_of(TRACEPARENT)):
            await outbox.add(session, Made(), headers=HEADERS, routing_key=f"{harness.name}.eu")

    async with harness.streaming():
        await transaction(harness.client, add)
        await eventually(harness.is_all_published)
    (sent,) = await messages(harness)
    await replay(
        *(harness.source, harness.database, harness.rabbitmq.uri),
        TimeRange(
            since=datetime.now(UTC) - timedelta(hours=1),
            until=datetime.now(UTC) + timedelta(hours=1),
        ),
        done=lambda *_: None,
    )
    (again,) = await messages(harness)
    for message in (sent, again):
        assert message.routing_key == f"{harness.name}.eu"
        event = cloudevents.decode(message.body, message.headers)
        assert event.headers == HEADERS
        assert event.type == message.type == Made.TYPE
    row = await harness.rows.find_one({})
    assert row is not None
    assert again.headers["traceparent"] == row["traceparent"]
    assert sent.headers["traceparent"] != row["traceparent"], "it names the publish span"


async def test_what_cannot_be_sent_is_refused_before_it_is_written(harness: RelayHarness) -> None:
    outbox = Outbox(harness.database, source="/test")
    naive = datetime(2030, 1, 1)
    refused: list[tuple[str, dict[str, Any]]] = [
        (r"headers\.price", {"headers": {"price": 1.5}}),
        (r"headers\.x-postbox-reason", {"headers": {"x-postbox-reason": "mine"}}),
        ("routing_key", {"routing_key": "é" * 128}),
        ("routing_key", {"routing_key": ""}),
        ("deliver_at", {"deliver_at": naive}),
        ("deliver_at", {"deliver_at": "tomorrow"}),
    ]
    for path, options in refused:

        async def add(session: Any, options: dict[str, Any] = options) -> None:
            await outbox.add(session, Made(), **options)

        with pytest.raises(InvalidPayload, match=f"^{path}: "):
            await transaction(harness.client, add)
    assert await harness.states() == {}


async def test_rows_of_other_producers_go_by_the_same_rules(harness: RelayHarness) -> None:
    """Goal: a bad row is parked with its reason, before its time too, and a good one waits for its
    time although it names no state."""
    now = datetime.now(UTC)
    least = {"type": f"{harness.name}.made", "subject": "s1", "data": {}}
    bad: list[tuple[str, Document]] = [
        ("headers.price", {"headers": {"price": 1.5}}),
        ("headers.CC", {"headers": {"CC": "other"}, "deliver_at": now + timedelta(hours=1)}),
        ("headers", {"headers": ["tenant"]}),
        ("routing_key", {"routing_key": 7}),
        ("deliver_at", {"deliver_at": "tomorrow"}),
        ("deliver_at", {"state": "scheduled"}),
        ("deliver_at", {"state": "scheduled", "deliver_at": ["soon"]}),
    ]
    ids = [ObjectId() for _ in bad]
    good = [ObjectId(), ObjectId()]
    async with harness.streaming():
        soon = datetime.now(UTC) + timedelta(seconds=1)
        await harness.rows.insert_many(
            [
                *({**least, "_id": id_, **row} for id_, (_, row) in zip(ids, bad, strict=True)),
                {**least, "_id": good[0], "deliver_at": soon, "headers": {"tenant": "t1"}},
                {**least, "_id": good[1], "deliver_at": soon, "state": "scheduled"},
            ]
        )

        async def are_settled() -> bool:
            return (await harness.states()) == {"parked": len(bad), "published": 2}

        await eventually(are_settled)
    stored = {row["_id"]: row async for row in harness.rows.find()}
    for id_, (path, _) in zip(ids, bad, strict=True):
        assert stored[id_]["parked"]["reason"].startswith(f"{path}: ")
    for id_ in good:
        assert stored[id_]["published_at"] >= stored[id_]["deliver_at"] > stored[id_]["time"]
    events = [cloudevents.decode(one.body, one.headers) for one in await messages(harness)]
    assert {event.id: event.headers for event in events} == {
        str(good[0]): {"tenant": "t1"},
        str(good[1]): {},
    }
