"""Who comes from elsewhere lets both ways run: a fact that comes by both is applied once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aio_pika
import orjson

from postbox import decoders
from postbox.events import Decoder, Event, Message, Received
from postbox.inbox import Decided
from postbox.mongo import Session
from postbox.rabbitmq import Topology
from postbox.service import Service
from tests.eventually import eventually
from tests.interop.reception import itself
from tests.relay.conftest import harness  # noqa: F401 - a fixture
from tests.relay.harness import RelayHarness

DATA: Final = {"order_id": "o1"}


def cap_id(received: Received) -> str:
    return str(received.headers["cap-msg-id"])


@dataclass(frozen=True, slots=True)
class Old:
    """How a program said the fact `id` before, and how a consumer of ours reads it."""

    decoder: Decoder[Event]
    body: Mapping[str, Any] | str
    headers: Mapping[str, str]
    message_id: str | None = None


def old_ways(id_: str, type_: str) -> dict[str, Old]:
    envelope = {"messageId": id_, "messageType": [type_], "message": DATA}
    router = {"id": id_, "eventType": type_, "aggregateId": "o1"}
    cap = {"cap-msg-id": id_, "cap-msg-name": type_}
    return {
        "json": Old(decoders.json_with_id(itself), DATA, {}, id_),
        "debezium": Old(decoders.debezium(itself), orjson.dumps(DATA).decode(), router),
        "cap": Old(decoders.plain(itself, key=cap_id), DATA, cap),
        "masstransit": Old(decoders.masstransit(itself), envelope, {}),
    }


async def test_what_comes_by_both_ways_is_applied_once(
    harness: RelayHarness,  # noqa: F811
) -> None:
    """Goal: the old message and the relay's are one fact. Method: both lie in the queue, and after
    them another event, whose handling says that both were settled."""
    rows = [harness.row(0, subject="o1", data=DATA), harness.row(1, subject="o1", data=DATA)]
    ids = await harness.insert(rows)
    ways = old_ways(ids[0], rows[0]["type"])
    handled: Counter[tuple[str, str]] = Counter()
    topology = Topology(queues={f"{harness.name}.{way}": [f"{harness.name}.#"] for way in ways})
    service = Service(
        "moving", mongo_uri=harness.source.uri, rabbitmq_uri=harness.rabbitmq.uri, topology=topology
    )

    def handler(way: str) -> Any:
        async def handle(_: Session, messages: Sequence[Message[Event]]) -> list[Decided]:
            for message in messages:
                assert message.event.data == DATA
                handled[way, message.event.id] += 1
            return [Decided("noop") for _ in messages]

        return handle

    async with await aio_pika.connect(harness.rabbitmq.uri) as connection:
        channel = await connection.channel()
        await topology.declare(channel)
        for way, old in ways.items():
            service.consume(f"{harness.name}.{way}", decode=old.decoder, handler=handler(way))
            message = aio_pika.Message(
                orjson.dumps(old.body), headers=dict(old.headers), message_id=old.message_id
            )
            message.type = rows[0]["type"]
            await channel.default_exchange.publish(message, f"{harness.name}.{way}")
        async with harness.relaying():
            await harness.published()

        async def is_settled() -> bool:
            return {way for way, id_ in handled if id_ == ids[1]} == ways.keys()

        async with service.running():
            await eventually(is_settled)
        for way in ways:
            await channel.queue_delete(f"{harness.name}.{way}")
            await channel.queue_delete(f"{harness.name}.{way}.dead")
    assert handled == Counter({(way, id_): 1 for way in ways for id_ in ids})
