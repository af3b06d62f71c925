"""A consumer of ours with a queue of its own, and beside it what lay on the wire."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq import spec

from postbox.events import Decoder, Event, Message
from postbox.inbox import Decided
from postbox.mongo import Session
from postbox.rabbitmq import ERROR, REASON, Topology, raw_properties
from postbox.service import Service
from tests.eventually import eventually
from tests.relay.harness import RelayHarness, taken

CASE: Final = "case"
"""The header by which a message says which it is."""


def itself(event: Event) -> Event:
    return event


@dataclass(slots=True)
class Received:
    """What became of every message, by its case: an event, or why there is none; and its wire."""

    events: dict[str, Event] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    wire: dict[str, AbstractIncomingMessage] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    """Of the same messages, the properties as bytes."""


class Reception:
    """Publish to `exchange`; every message reaches the consumer, and the queue beside it."""

    def __init__(self, harness: RelayHarness, decoder: Decoder[Event] | None) -> None:
        self.exchange = f"{harness.name}.in"
        self.rabbitmq_uri = harness.rabbitmq.uri
        self._queue = f"{harness.name}.consumer"
        self._beside = f"{harness.name}.beside"
        topology = Topology(
            exchange=self.exchange, queues={self._queue: ["#"], self._beside: ["#"]}
        )
        self._received = Received()
        self.service = Service(
            "interop", mongo_uri=harness.source.uri, rabbitmq_uri=self.rabbitmq_uri,
            topology=topology,
        )  # fmt: skip
        self.service.consume(self._queue, decode=decoder or itself, handler=self._record)

    async def _record(self, _: Session, messages: Sequence[Message[Event]]) -> list[Decided]:
        for message in messages:
            self._received.events[str(message.event.headers[CASE])] = message.event
        return [Decided("noop") for _ in messages]

    async def received(self) -> Received:
        """Once the consumer has none left: what became of all that was published."""
        async with await aio_pika.connect(self.rabbitmq_uri) as connection:
            channel = await connection.channel()

            async def messages(name: str) -> list[AbstractIncomingMessage]:
                return await taken(await channel.declare_queue(name, passive=True))

            found = self._received
            await self._read_wire(channel)

            async def is_settled() -> bool:
                for one in await messages(f"{self._queue}.dead"):
                    said = ": ".join(str(one.headers[name]) for name in (REASON, ERROR))
                    found.refused[str(one.headers[CASE])] = said
                return found.wire.keys() <= {*found.events, *found.refused}

            await eventually(is_settled, every_s=0.1)
            return found

    async def _read_wire(self, channel: AbstractChannel) -> None:
        underlay = await channel.get_underlay_channel()
        while True:
            one = await underlay.basic_get(self._beside, no_ack=True)
            if isinstance(one.delivery, spec.Basic.GetEmpty):
                return
            message = aio_pika.IncomingMessage(one, no_ack=True)
            case = str(message.headers[CASE])
            self._received.wire[case] = message
            self._received.raw[case] = raw_properties(one.header)


@asynccontextmanager
async def reception(
    harness: RelayHarness, decoder: Decoder[Event] | None = None
) -> AsyncIterator[Reception]:
    one = Reception(harness, decoder)
    async with one.service.running():
        yield one
