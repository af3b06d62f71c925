"""Exchanges, queues and bindings: one table, declared, and declared again when somebody tore it.

A confirm says only that *some* queue took a message. So the whole table stands before the first
event goes out, and every service keeps declaring all of it: a binding that is missing is a consumer
that loses events in silence.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import orjson
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelPreconditionFailed
from pamqp.common import FieldTable

from postbox.errors import TopologyMismatch
from postbox.rabbitmq.dead_letter import DEAD_SUFFIX

EXCHANGE = "events"
"""Where nothing else is said."""
DELIVERY_LIMIT = 1_000
"""A last resort against a message that kills its consumer: lost connections count as deliveries."""
LOOKS_MAX = 1_000_000
"""How often a set-aside message may be looked at: RabbitMQ 4 would drop it at the 21st look."""
DECLARE_TIMEOUT_S = 10.0
_SET_ASIDE: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": LOOKS_MAX}


Declare = Literal["all", "check", "none"]
"""What a program does about the table: declare it; check that what it names is there, which needs
no right to configure; or leave it to others. AMQP cannot ask for bindings: none checks those."""


@dataclass(frozen=True, kw_only=True)
class Topology:
    """One topic exchange, with `queues` mapping each queue's name to the event types it wants.

    The other names are made of these two where nothing is said.
    """

    exchange: str = EXCHANGE
    queues: Mapping[str, Sequence[str]]
    dead_exchange: str | None = None
    unrouted_exchange: str | None = None
    dead_queues: Mapping[str, str] = field(default_factory=dict)
    """The dead queue of each queue that has another than `<queue>.dead`."""

    @property
    def unrouted(self) -> str:
        """The alternate exchange and its queue, for an event that no queue wants."""
        return self.unrouted_exchange or f"{self.exchange}.unrouted"

    @property
    def dead(self) -> str:
        """The dead-letter exchange; a queue's dead letters are routed by the queue's name."""
        return self.dead_exchange or f"{self.exchange}.dead"

    def dead_queue(self, queue: str) -> str:
        """Where the dead letters of `queue` lie."""
        return self.dead_queues.get(queue, f"{queue}{DEAD_SUFFIX}")

    @property
    def for_people(self) -> tuple[str, ...]:
        """The queues in which messages wait until a person decides on them."""
        return (self.unrouted, *self.all_dead_queues)

    @property
    def all_dead_queues(self) -> tuple[str, ...]:
        """Each once, for several queues may share one."""
        return tuple(dict.fromkeys(self.dead_queue(name) for name in self.queues))

    def queues_for(self, event_type: str) -> tuple[str, ...]:
        """The queues that get events of this type."""
        words = event_type.split(".")
        return tuple(
            queue
            for queue, keys in self.queues.items()
            if any(_matches(key.split("."), words) for key in keys)
        )

    @property
    def fingerprint(self) -> str:
        """A name for exactly this table."""
        table: list[object] = [
            self.exchange,
            sorted((name, sorted(keys)) for name, keys in self.queues.items()),
        ]
        own = [self.dead_exchange, self.unrouted_exchange, sorted(self.dead_queues.items())]
        if any(own):
            table += own
        return hashlib.sha256(orjson.dumps(table)).hexdigest()[:16]

    async def ensure(self, channel: AbstractChannel, declare: Declare) -> None:
        """Declare all of it, or check it, or neither. TopologyMismatch as from `declare`.

        The broker's error, as of a lost connection, where something that is checked is not there.
        """
        if declare == "all":
            await self.declare(channel)
        elif declare == "check":
            for exchange in (self.exchange, self.dead):
                await _exists(channel, exchange)
            for queue in (*self.queues, *self.all_dead_queues):
                await channel.declare_queue(queue, passive=True, timeout=DECLARE_TIMEOUT_S)

    async def ensure_exchange(self, channel: AbstractChannel, declare: Declare) -> None:
        """The same of what a relay needs: the exchange; its alternate too where it is declared."""
        if declare == "all":
            await self.declare_exchange(channel)
        elif declare == "check":
            await _exists(channel, self.exchange)

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
                self.dead_queue(name),
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


async def _exists(channel: AbstractChannel, exchange: str) -> None:
    await channel.declare_exchange(exchange, passive=True, timeout=DECLARE_TIMEOUT_S)


def _matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """As a topic exchange has it: `*` stands for one word, `#` for any number of them."""
    if not pattern:
        return not words
    first, rest = pattern[0], pattern[1:]
    if first == "#":
        return any(_matches(rest, words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and first in ("*", words[0]) and _matches(rest, words[1:])


def _said(error: ChannelPreconditionFailed) -> str:
    return f"RabbitMQ: {error}: delete it, or choose another name"
