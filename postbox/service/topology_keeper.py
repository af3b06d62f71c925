"""Keeps the topology standing: declared before the first event, and again every few seconds.

Whoever notices first repairs a binding that somebody tore. That the table was declared once is
remembered in the service's database, so that a service may start, and accept work, while the
broker is unavailable: the queues are durable, and events wait in the outbox.
"""

import asyncio
from typing import Final

import pymongo
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection

from postbox.errors import BrokerUnavailable, DatabaseUnavailable, TopologyMismatch
from postbox.mongo import Database, DatabaseClock, database_errors
from postbox.rabbitmq import DECLARE_TIMEOUT_S, Declare, Topology, broker_errors, connected
from postbox.runtime import Health, pause
from postbox.telemetry import metrics

log: Final = structlog.get_logger()
INTERVAL_S = 5.0
ANSWER_LIMIT_S = 3.0
RETRY_S = 0.5
MARK_TIMEOUT_S = 2.0


class TopologyKeeper:
    """Declares `topology` for one service for as long as it runs."""

    def __init__(
        self,
        topology: Topology,
        *,
        uri: str,
        name: str,
        database: Database,
        clock: DatabaseClock,
        health: Health,
        declare: Declare = "all",
    ) -> None:
        """`declare`: whether it declares the table, checks it, or leaves it to others."""
        self._topology = topology
        self._uri = uri
        self._name = name
        self._marks = database["topology"]
        self._clock = clock
        self._health = health
        self._mode: Declare = declare
        self._declared = False
        self._is_standing = False
        self._has_stood = False
        self._waiting: dict[str, int] = {}

    async def prepare(self) -> None:
        """Read whether this very table was declared before."""
        mark = await self._marks.find_one({"_id": self._topology.fingerprint})
        self._declared = mark is not None or self._mode == "none"

    @property
    def has_declared(self) -> bool:
        """Whether the table was declared once."""
        return self._declared

    def require(self) -> None:
        """BrokerUnavailable until the table was declared once: an event now might reach nobody."""
        if not self._declared:
            raise BrokerUnavailable("the broker's queues were never declared yet")

    async def run(self, stop: asyncio.Event) -> None:
        """Declare now, on every reconnection, and every few seconds.

        TopologyMismatch where the names are another thing's from the start.
        """
        self._is_standing = self._has_stood = False
        while not stop.is_set():
            try:
                async with connected(self._uri, name=f"{self._name} topology") as connection:
                    while not stop.is_set():
                        await self._ensure(connection)
                        self._health.ok("broker")
                        await pause(stop, INTERVAL_S)
            except (BrokerUnavailable, TopologyMismatch) as error:
                if isinstance(error, TopologyMismatch) and not self._has_stood:
                    raise
                self._health.fail("broker", str(error))
                log.warning("cannot declare the topology", reason=str(error))
                await pause(stop, RETRY_S)

    async def _ensure(self, connection: AbstractConnection) -> None:
        # Whatever has been declared once is declared again in no time, or not at all.
        limit_s = ANSWER_LIMIT_S if self._is_standing else None
        try:
            with broker_errors("declaring the topology"):
                async with asyncio.timeout(limit_s), connection.channel() as channel:
                    await self._topology.ensure(channel, self._mode)
                    await self._look(channel)
        except BrokerUnavailable as error:
            self._is_standing = False
            self._health.fail("broker", str(error))
            raise
        self._is_standing = self._has_stood = True
        if not self._declared:
            await self._remember()

    async def _look(self, channel: AbstractChannel) -> None:
        """Show the messages that wait for a person, and log when they grow."""
        watched = {
            "all": self._topology.for_people,
            "check": self._topology.all_dead_queues,
            "none": (),
        }
        for name in watched[self._mode]:
            queue = await channel.declare_queue(name, passive=True, timeout=DECLARE_TIMEOUT_S)
            messages = queue.declaration_result.message_count or 0
            metrics.waiting(name, messages)
            if messages > self._waiting.get(name, 0):
                log.error("messages wait for a person", queue=name, messages=messages)
            self._waiting[name] = messages

    async def _remember(self) -> None:
        try:
            with database_errors(), pymongo.timeout(MARK_TIMEOUT_S):
                await self._marks.update_one(
                    {"_id": self._topology.fingerprint},
                    {"$set": {"at": self._clock.now()}},
                    upsert=True,
                )
        except DatabaseUnavailable as error:
            log.warning("cannot remember that the topology stands", reason=str(error))
        else:
            self._declared = True
