"""Exchanges, queues and bindings: one table, declared, and declared again when somebody tore it.

A confirm says only that *some* queue took a message. So the whole table stands before the first
event goes out, and every service keeps declaring all of it: a binding that is missing is a consumer
that loses events in silence.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelPreconditionFailed
from pamqp.common import FieldTable

from postbox.errors import TopologyMismatch

EXCHANGE = "events"
"""Where nothing else is said."""
DELIVERY_LIMIT = 1_000
"""A last resort against a message that kills its consumer: lost connections count as deliveries."""
LOOKS_MAX = 1_000_000
"""How often a set-aside message may be looked at: RabbitMQ 4 would drop it at the 21st look."""
DECLARE_TIMEOUT_S = 10.0
_SET_ASIDE: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": LOOKS_MAX}


@dataclass(frozen=True, kw_only=True)
class Topology:
    """One topic exchange, with `queues` mapping each queue's name to the event types it wants."""

    exchange: str = EXCHANGE
    queues: Mapping[str, Sequence[str]]

    @property
    def unrouted(self) -> str:
        """The alternate exchange and its queue, for an event that no queue wants."""
        return f"{self.exchange}.unrouted"

    @property
    def dead(self) -> str:
        """The dead-letter exchange; a queue's dead letters are routed by the queue's name."""
        return f"{self.exchange}.dead"

    @property
    def for_people(self) -> tuple[str, ...]:
        """The queues in which messages wait until a person decides on them."""
        return (self.unrouted, *(f"{name}.dead" for name in self.queues))

    @property
    def fingerprint(self) -> str:
        """A name for exactly this table."""
        table = [self.exchange, sorted((name, sorted(keys)) for name, keys in self.queues.items())]
        return hashlib.sha256(orjson.dumps(table)).hexdigest()[:16]

    async def declare(self, channel: AbstractChannel) -> None:
        """Declare all of it. TopologyMismatch where something exists with other arguments."""
        try:
            await self._declare(channel)
        except ChannelPreconditionFailed as error:
            raise TopologyMismatch(_said(error)) from error

    async def declare_exchange(self, channel: AbstractChannel) -> None:
        """Declare the exchange and its alternate alone, for a relay, which knows no consumer."""
        try:
            await self._declare_exchange(channel)
        except ChannelPreconditionFailed as error:
            raise TopologyMismatch(_said(error)) from error

    async def _declare_exchange(self, channel: AbstractChannel) -> None:
        alternate = await channel.declare_exchange(
            self.unrouted, ExchangeType.FANOUT, durable=True, timeout=DECLARE_TIMEOUT_S
        )
        queue = await channel.declare_queue(
            self.unrouted,
            durable=True,
            arguments=_SET_ASIDE,
            timeout=DECLARE_TIMEOUT_S,
        )
        await queue.bind(alternate, timeout=DECLARE_TIMEOUT_S)
        await channel.declare_exchange(
            self.exchange,
            ExchangeType.TOPIC,
            durable=True,
            arguments={"alternate-exchange": self.unrouted},
            timeout=DECLARE_TIMEOUT_S,
        )

    async def _declare(self, channel: AbstractChannel) -> None:
        await self._declare_exchange(channel)
        dead = await channel.declare_exchange(
            self.dead, ExchangeType.DIRECT, durable=True, timeout=DECLARE_TIMEOUT_S
        )
        for name, keys in self.queues.items():
            letters = await channel.declare_queue(
                f"{name}.dead",
                durable=True,
                arguments=_SET_ASIDE,
                timeout=DECLARE_TIMEOUT_S,
            )
            await letters.bind(dead, routing_key=name, timeout=DECLARE_TIMEOUT_S)
            queue = await channel.declare_queue(
                name,
                durable=True,
                arguments={
                    "x-queue-type": "quorum",
                    "x-dead-letter-exchange": self.dead,
                    "x-dead-letter-routing-key": name,
                    "x-dead-letter-strategy": "at-least-once",
                    "x-overflow": "reject-publish",
                    "x-delivery-limit": DELIVERY_LIMIT,
                },
                timeout=DECLARE_TIMEOUT_S,
            )
            for key in keys:
                await queue.bind(self.exchange, routing_key=key, timeout=DECLARE_TIMEOUT_S)


def _said(error: ChannelPreconditionFailed) -> str:
    return f"RabbitMQ: {error}: delete it, or choose another name"
