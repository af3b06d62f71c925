"""A service on postbox: its database, outbox, queues and HTTP edge, wired and run together.

    service = Service("orders", mongo_uri=..., rabbitmq_uri=..., topology=TOPOLOGY)
    service.consume("orders.events", decode=decode, handler=handle)
    await service.run(stop, host="127.0.0.1", port=8080, routes=[...])

The HTTP edge answers from the first moment, so that `/healthz` and `/readyz` are true while
the database or the broker is unavailable; everything else starts as soon as it can.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Self

import structlog
from pymongo.errors import PyMongoError
from starlette.routing import Route

from postbox.consumer import DEFAULT_OPTIONS, Consumer, ConsumerOptions, Consumption, T
from postbox.errors import SchemaMismatch
from postbox.events import Event
from postbox.inbox import Apply, Decided, Handler, Inbox
from postbox.mongo import (
    Database,
    DatabaseClock,
    check_server,
    connect,
    is_unavailable,
    own_database,
    reason,
)
from postbox.outbox import Outbox
from postbox.rabbitmq import Topology
from postbox.runtime import Health, pause, until_stopped
from postbox.service.http import application, operational_routes, serve
from postbox.service.settings import ServiceSettings
from postbox.service.topology_keeper import TopologyKeeper
from postbox.telemetry import metrics, untraced

log = structlog.get_logger()
PREPARE_RETRY_S = 0.5
CLOCK_INTERVAL_S = 2.0
Part = Callable[[asyncio.Event], Awaitable[None]]
Prepare = Callable[[Database], Awaitable[None]]


class Service:
    """Everything that a service has, made by its name; `run` keeps it going until it is stopped."""

    def __init__(
        self,
        name: str,
        *,
        mongo_uri: str,
        rabbitmq_uri: str,
        topology: Topology,
        source: str | None = None,
        outbox_retention: timedelta | None = None,
        inbox_retention: timedelta | None = None,
    ) -> None:
        """`source` is that of its events, in the sense of CloudEvents: `/services/<name>`.

        How long rows are kept: None keeps what the database has, which is 7 and 30 days at first.
        """
        self.name = name
        self.client = connect(mongo_uri, application=name)
        self.database = own_database(self.client)
        self.clock = DatabaseClock(self.client)
        self.health = Health("database", "broker")
        self.outbox = Outbox(
            self.database,
            source=source or f"/services/{name}",
            clock=self.clock,
            retention=outbox_retention,
        )
        self._inbox_retention = inbox_retention
        self._topology = topology
        self._rabbitmq_uri = rabbitmq_uri
        self._keeper = TopologyKeeper(
            topology,
            uri=rabbitmq_uri,
            name=name,
            database=self.database,
            clock=self.clock,
            health=self.health,
        )
        self._inboxes: list[Inbox] = []
        self._parts: list[Part] = [self._keeper.run, self._keep_time]

    @classmethod
    def configured(cls, name: str, settings: ServiceSettings, *, topology: Topology) -> Self:
        """A service by the variables that every service has."""
        return cls(
            name,
            mongo_uri=settings.mongo_uri,
            rabbitmq_uri=str(settings.rabbitmq_uri),
            topology=topology,
            outbox_retention=timedelta(seconds=settings.outbox_retention_s),
            inbox_retention=timedelta(seconds=settings.inbox_retention_s),
        )

    def consume(
        self,
        queue: str,
        *,
        decode: Callable[[Event], T],
        handler: Handler[T],
        applied: Callable[[Sequence[Decided]], None] = lambda decisions: None,
        decision_attribute: str = "postbox.decision",
        options: ConsumerOptions = DEFAULT_OPTIONS,
    ) -> Consumer[T]:
        """Apply each event of `queue` once in effect with `handler`.

        `decode` makes of an event what the handler works with; it raises InvalidMessage for one
        that the contract does not allow. `applied(decisions)` is called after each commit, for
        metrics; `decision_attribute` is the attribute of spans that has the decision.
        """
        inbox = Inbox(
            self.database, consumer=queue, clock=self.clock, retention=self._inbox_retention
        )
        self._inboxes.append(inbox)
        metrics.begin(queue)
        self.health.fail("consumer", "starting")
        consumer = Consumer(
            Consumption(
                queue=queue,
                decode=decode,
                apply=Apply(self.client, inbox, self.outbox, handler),
                applied=applied,
                decision_attribute=decision_attribute,
                options=options,
            ),
            uri=self._rabbitmq_uri,
            topology=self._topology,
            clock=self.clock,
            health=self.health,
        )
        self._parts.append(consumer.run)
        return consumer

    def also(self, part: Part) -> None:
        """Run `part(stop)` beside the others, once the database is prepared."""
        self._parts.append(part)

    def require_ready(self) -> None:
        """TryAgain (503 at the HTTP edge) while an event that is emitted now might reach nobody."""
        self._keeper.require()

    async def run(
        self,
        stop: asyncio.Event,
        *,
        host: str,
        port: int,
        routes: Sequence[Route] = (),
        prepare: Prepare | None = None,
    ) -> None:
        """Serve, prepare the database (`prepare(database)` makes what is the service's), work."""
        app = application([*operational_routes(self.health), *routes])
        # Polls belong to no flow: only what begins or continues one, in its context, is traced.
        with untraced():
            working = asyncio.create_task(self._work(stop, prepare))
        try:
            await until_stopped(stop, serve(app, port, stop, host=host), working)
        finally:
            await self.client.close()

    async def _work(self, stop: asyncio.Event, prepare: Prepare | None) -> None:
        while not await self._prepared(prepare):
            if await pause(stop, PREPARE_RETRY_S):
                return
        self.health.ok("database")
        log.info("started")
        await until_stopped(stop, *(part(stop) for part in self._parts))

    async def _prepared(self, prepare: Prepare | None) -> bool:
        try:
            await self.clock.sync()
            await check_server(self.client)
            await self.outbox.prepare()
            for inbox in self._inboxes:
                await inbox.prepare()
            if prepare is not None:
                await prepare(self.database)
            await self._keeper.prepare()
        except PyMongoError as error:
            if not is_unavailable(error):
                problem = f"{self.database.name} cannot be prepared: {reason(error)}"
                raise SchemaMismatch(problem) from error
            self.health.fail("database", reason(error))
            log.warning("the database is unavailable", reason=reason(error))
            return False
        return True

    async def _keep_time(self, stop: asyncio.Event) -> None:
        """Follow the database's clock, and notice when the database is unavailable."""
        last: str | None = None
        while not await pause(stop, CLOCK_INTERVAL_S):
            problem = await self.clock.problem()
            if problem is None:
                self.health.ok("database")
            else:
                self.health.fail("database", problem)
                if problem != last:
                    log.warning("the database is unavailable", reason=problem)
            last = problem
